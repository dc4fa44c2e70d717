// What is packed brings its compiled files: nothing of it is to be run where it is installed. From git it is built by `prepare`.

module.exports = {
  hooks: {
    beforePacking({ scripts: { prepare, ...scripts }, ...manifest }) {
      return { ...manifest, scripts };
    },
  },
};
