// Frames of HTTP/2 as they come (RFC 9113 §4): heads parsed in place, wherever the reads cut them.

/** RFC 9113 §7. */
export const h2Error = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;
