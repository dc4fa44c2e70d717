// The command line of `pnpm bench`.

import { parseArgs } from 'node:util';

export const usage = `pnpm bench [--only row,row] [--pairs N] [--quick] [--subject peer]
  --only     these rows only (a name or its beginning)
  --pairs    rounds, each with one run of every peer; default 5
  --quick    a quarter of the work and 3 rounds: shows that everything works, not how fast
  --subject  whom the others are compared with; default smartproxy
  --peers    of the row's peers only these (names with commas between)
  --list     the rows' names`;

/** The options; throws with a sentence for the user. */
export function readArgs(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: 'string' },
      pairs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peers: { type: 'string' },
      subject: { type: 'string', default: 'smartproxy' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = values.pairs === undefined ? (values.quick ? 3 : 5) : Number(values.pairs);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--pairs needs a number from 1 on');
  return {
    ...values,
    only: values.only?.split(',') ?? null,
    peers: values.peers?.split(',') ?? null,
    rounds,
    scale: values.quick ? 0.25 : 1,
  };
}
