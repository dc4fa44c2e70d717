// Every module from outside, each with the reason why it is here. Nothing of ours is re-exported.
// What is heavy and not needed to forward a connection is behind a load…() function.

// --- Node ---
import * as childProcess from 'node:child_process';
import * as crypto from 'node:crypto';
import * as dns from 'node:dns';
import * as events from 'node:events';
import * as fs from 'node:fs';
import * as module from 'node:module';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import * as process from 'node:process';
import stream from 'node:stream';
import * as url from 'node:url';
import * as util from 'node:util';

export { childProcess, crypto, dns, events, fs, module, net, os, path, process, stream, url, util };

// --- configuration ---

// minimatch: the odd host patterns and address globs that our compiled forms do not cover; patterns come from the
// operator only and are compiled once.
import * as minimatch from 'minimatch';

// zod: one schema gives types, all faults at once and JSON Schema. No dependencies of its own.
import * as zod from 'zod';

export { minimatch, zod };

// --- async tools ---
// async-mutex: the lock behind AsyncMutex.
import * as asyncMutex from 'async-mutex';

// p-limit: the queue behind parallelLimit.
import pLimit from 'p-limit';

// cockatiel 3 (4 needs Node 22): the state machine behind CircuitBreaker. Thirty files, so it is loaded, in one go, by the
// first circuit breaker.
export type * as cockatiel from 'cockatiel';
export { asyncMutex, pLimit };
export const loadCockatiel = (): typeof import('cockatiel') => requireHere('cockatiel');
const requireHere = module.createRequire(import.meta.url);

// --- TLS, loaded by whoever uses it first ---
// node:tls: the handshakes with clients and with targets; the origins and the clients of the demonstration.
export const requireTls = (): typeof import('node:tls') => requireHere('node:tls');

// --- HTTP, loaded by whoever uses it first ---
// node:http: the server behind SocketHandlers.httpServer, which speaks to listeners of the program's own; an origin and a
// client of the demonstration.
export const requireHttp = (): typeof import('node:http') => requireHere('node:http');
// node:zlib: compression of answers.
export const requireZlib = (): typeof import('node:zlib') => requireHere('node:zlib');

// --- certificates, loaded by whoever orders the first one ---
// node:https: requests to ACME servers.
export const requireHttps = (): typeof import('node:https') => requireHere('node:https');

// --- authentication of requests, loaded by whoever needs it first ---
// jose: the signatures, external account bindings and thumbprints of ACME, and tokens of clients; every algorithm of JOSE, checked
// by many, and no dependencies of its own. 8 MB and 80 ms, so loaded late.
export type * as jose from 'jose';
export const loadJose = (): Promise<typeof import('jose')> => import('jose');
// bcryptjs: passwords that are kept as bcrypt hashes; plain JavaScript without dependencies or install scripts, for fifteen years. A
// thread of its own loads it by its path: a hash takes a tenth of a second and more.
export type * as bcryptjs from 'bcryptjs';
export const findBcryptjs = (): string => requireHere.resolve('bcryptjs');
// node:worker_threads: that thread.
export const requireWorkerThreads = (): typeof import('node:worker_threads') => requireHere('node:worker_threads');

// --- command line only, loaded when it runs ---
// commander 14 (15 needs Node 22): arguments and help texts.
export const loadCommander = (): Promise<typeof import('commander')> => import('commander');
// pino: structured logs of the command line; the library itself is silent unless given a logger.
export const loadPino = async (): Promise<typeof import('pino')> => (await import('pino')).default;
// yaml: configuration files in YAML with line numbers in errors.
export const loadYaml = (): Promise<typeof import('yaml')> => import('yaml');
// jiti: configuration files in TypeScript on a Node that cannot strip types.
export const loadJiti = (): Promise<typeof import('jiti')> => import('jiti');
// node:tls: the origins and the clients of the demonstration.
export const loadTls = (): Promise<typeof import('node:tls')> => import('node:tls');
