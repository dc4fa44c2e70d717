// The two processes at the far ends: load generator and origin.

import { endChild, nextMessage, orHanging, startScript } from './children.mjs';

/** A script that answers each message by one with the same `id`. */
async function startAnswering(script) {
  const child = startScript('load', script);
  await nextMessage(child);
  const waiting = new Map();
  let nextId = 0;
  child.on('message', ({ id, ...answer }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (answer.error === undefined) resolve(answer);
    else reject(new Error(answer.error));
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${script} has ended`));
  });
  return {
    ask(message) {
      const answer = new Promise((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        child.send({ id, ...message });
      });
      return orHanging(answer, message.work ?? message.listen);
    },
    dispose: () => endChild(child),
  };
}

/** `listen(kind)` gives a target; `run(work, amount)` does work and gives its result. */
export async function startLoad() {
  const origin = await startAnswering('load/origin.mjs');
  const client = await startAnswering('load/client.mjs');
  return {
    async listen(kind, options = {}) {
      const { port } = await origin.ask({ listen: kind, ...options });
      return { host: '127.0.0.1', port };
    },
    async run(work, amount) {
      const { result } = await client.ask({ work, ...amount });
      return result;
    },
    async dispose() {
      await client.dispose();
      await origin.dispose();
    },
  };
}
