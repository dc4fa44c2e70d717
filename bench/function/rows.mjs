// The function rows: nanoseconds for one call, beside something to compare with where there is something.

import { existsSync } from 'node:fs';
import { endChild, nextMessage, startScript } from '../lib/children.mjs';

const dist = new URL('../../dist_ts/index.js', import.meta.url);
const tinybench = new URL('../node_modules/tinybench', import.meta.url);

function missing() {
  if (!existsSync(dist)) return 'not built: run `pnpm build` first';
  if (!existsSync(tinybench)) return 'tinybench is not installed: run `pnpm -C bench install --ignore-workspace`';
  return null;
}

function makeRow(name, file, unit, targets) {
  return {
    name,
    isFunction: true,
    missing,
    async run(context) {
      const child = startScript('proxy', 'function/measure.mjs', [`./${file}`, String(context.rounds)]);
      try {
        const { samples } = await nextMessage(child);
        return [{ name, unit, samples, targets, details: {} }];
      } finally {
        await endChild(child);
      }
    },
  };
}

export const functionRows = [
  makeRow('function client-hello', 'client-hello.mjs', 'ns', []),
  makeRow('function proxy-header', 'proxy-header.mjs', 'ns', []),
  makeRow('function recognise', 'recognise.mjs', 'ns', []),
  makeRow('function http-head', 'http-head.mjs', 'ns', [{ atMost: 1_000 }]),
  makeRow('function address-set', 'address-set.mjs', 'ns', []),
  makeRow('function route-lookup', 'route-lookup.mjs', 'ns', [{ atMost: 1_000 }, { against: 'among 10', atMost: 2 }]),
];
