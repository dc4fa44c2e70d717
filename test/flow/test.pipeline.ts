// The order of the stages as a whole is tested by the scenarios; here, what happens when a stage breaks its word.

import type { Socket } from 'node:net';
import { systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import { noChallenges } from '../../ts/flow/challenge-source.js';
import { ConnectionManager } from '../../ts/flow/connection-manager.js';
import type { TEnd } from '../../ts/flow/ends.js';
import type { Guard } from '../../ts/flow/guard/guard.js';
import { Pipeline } from '../../ts/flow/pipeline.js';
import { type ISnapshot, type TForwardParts, takeSnapshot } from '../../ts/flow/snapshot.js';
import { connectTcp } from '../helpers/clients.js';
import { startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

for (const stage of ['askClient', 'admitClient', 'askRoute', 'admit'] as const) {
  tap.test(`what a stage throws (${stage}) ends its connection, is logged, and goes no further`, async () => {
    const errors: object[] = [];
    const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
    const ends: TEnd[] = [];
    const ignore = () => {};
    const connections = new ConnectionManager({
      ...{ clock: systemClock, logger, maxConnections: 10, initialDataTimeoutMs: 1_000 },
      observers: [
        {
          ...{ connectionOpened: ignore, connectionRouted: ignore, connectionRefused: ignore },
          connectionEnded: (_connection, end) => void ends.push(end),
        },
      ],
    });
    const guard = {
      ...{ admitClient: () => null, askClient: () => null, askRoute: () => null },
      [stage]: () => {
        throw new Error('thrown on purpose');
      },
    } as unknown as Guard;
    const config = resolveConfig({
      routes: [{ match: { ports: 80 }, action: { type: 'block' } }],
    });
    const snapshot: ISnapshot = takeSnapshot(config, { connections, logger } as unknown as TForwardParts);
    const http = { take: ignore };
    const contexts = { contextFor: () => null, coming: () => null };
    const pipeline = new Pipeline({
      ...{ connections, guard, logger, http, contexts },
      challenges: noChallenges,
      snapshot: () => snapshot,
    });
    await using origin = await startOrigin((socket: Socket) => pipeline.take(socket, { address: null, port: 80 }, 80));
    await using client = await connectTcp(origin.port);
    await client.closed;
    await until(
      () => ends.length === 1,
      1_000,
      () => 'its end',
    );
    expect(ends).toEqual(['internal_error']);
    expect(errors).toHaveLength(1);
    expect((errors[0] as { why: string }).why).toEqual('thrown on purpose');
    await connections.cleanup();
  });
}

export default tap.start();
