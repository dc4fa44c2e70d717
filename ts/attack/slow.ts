// Attacks by slowness: they are held at once, all others are served meanwhile, and each is ended by the proxy in time.

import type { Socket } from 'node:net';
import { resultOf } from './report.js';
import type { IAim, IAttack, IAttackResult, TAttackSend } from './types.js';

export interface ISlowOptions {
  readonly attacks: readonly IAttack[];
  readonly aim: IAim;
  readonly slowMs: number;
  open(): Promise<Socket>;
  /** What is wrong with an innocent request; `''`: nothing. */
  canary(): Promise<string>;
}

/** An octet or a field comes as often in the time that is given. */
const drips = 30;

export async function trySlowly({ attacks, aim, slowMs, open, canary }: ISlowOptions): Promise<IAttackResult[]> {
  const held = await Promise.all(attacks.map(async ({ send }) => new Held(await open(), send, aim, slowMs)));
  const begunMs = performance.now();
  let disturbed = '';
  while (held.some(({ isEnded }) => !isEnded) && performance.now() - begunMs < slowMs) {
    disturbed ||= await canary();
    await Promise.race([allEnded(held), new Promise((resolve) => setTimeout(resolve, slowMs / drips))]);
  }
  return attacks.map((attack, at) => {
    const { isEnded, status, sent } = held[at] as Held;
    held[at]?.socket.destroy();
    const why = disturbed || (isEnded ? '' : `its connection was held for ${slowMs} ms, and had not been ended then`);
    const answers = status === 0 ? [] : [{ status, fields: [], content: '' }];
    return resultOf({
      ...{ attack, version: '1.1', sent, requests: null },
      visit: { answers, end: isEnded ? 'closed' : 'late', words: '' },
      judgement: { verdict: why === '' ? 'refused' : 'finding', why },
    });
  });
}

const allEnded = (held: readonly Held[]): Promise<unknown> => Promise.all(held.map(({ ended }) => ended));

class Held {
  readonly socket: Socket;
  readonly sent: string;
  readonly ended: Promise<void>;
  isEnded = false;
  /** Of what was answered; 0: nothing. */
  status = 0;

  constructor(socket: Socket, send: TAttackSend, aim: IAim, slowMs: number) {
    this.socket = socket;
    const [begin, drip] = send.kind === 'slow' ? [send.begin(aim), send.drip] : ['', ''];
    this.sent = drip === '' ? begin : `${begin}${drip}${drip}...`;
    if (begin !== '') socket.write(begin, 'latin1');
    const dripping = setInterval(() => drip !== '' && socket.write(drip), slowMs / drips);
    socket.on('data', (bytes: Buffer) => {
      this.status ||= Number(/^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1'))?.[1] ?? 0);
    });
    this.ended = new Promise((resolve) => {
      const end = () => {
        clearInterval(dripping);
        this.isEnded = true;
        resolve();
      };
      socket.on('end', end);
      socket.on('close', end);
    });
  }
}
