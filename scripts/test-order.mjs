// In which order test files run: the longest first, so that none is left running when all others are done.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of ten seconds and more, the longest first. One that is missing here costs time, never a failure. */
const slowest = [
  'test/rig/test.soak.ts',
  'test/rig/test.proxy-acme.ts',
  'test/rig/test.testssl.ts',
  'test/rig/test.nftables-updates.ts',
  'test/rig/test.many-connections.ts',
  'test/rig/test.http-limits.ts',
  'test/rig/test.shared-orders.ts',
  'test/rig/test.proxy-acme-crash.ts',
  'test/rig/test.acme-orders.ts',
  'test/scenario/test.h2-abuse.ts',
  'test/rig/test.http-differential.ts',
  'test/scenario/test.http-aborts.ts',
  'test/cli/test.process.ts',
  'test/scenario/test.http-backpressure.ts',
  'test/scenario/test.shared-certificate-store.ts',
  'test/scenario/test.challenges.ts',
  'test/scenario/test.certificates.ts',
  'test/nftables/test.kernel-routes.ts',
  'test/rig/test.http-servers.ts',
  'test/certs/manager/test.simulation.ts',
  'test/codec/test.client-hello-vectors.ts',
  'test/config/test.validate.ts',
  'test/scenario/test.http-attacks.ts',
  'test/scenario/test.http-fault-matrix.ts',
  'test/scenario/test.half-close.ts',
  'test/http/test.client-connection.ts',
  'test/scenario/test.fault-matrix.ts',
  'test/scenario/test.backpressure.ts',
  'test/scenario/test.http-complaints.ts',
  'test/scripts/test.test-file.ts',
  'test/scenario/test.limits.ts',
  'test/config/test.resolve.ts',
  'test/scenario/test.http-timeouts.ts',
  'test/scenario/test.host-program.ts',
  'test/test.docs.ts',
];
/** Then these, in which a file waits for programs or sockets; what only computes comes last. */
const folders = ['test/rig/', 'test/scenario/', 'test/cli/', 'test/test.', 'test/http/', 'test/flow/', 'test/helpers/'];

/** `files` are paths from the root with `/`; those of one rank stay in their order. */
export function longestFirst(files) {
  return [...files].sort((a, b) => rankOf(a) - rankOf(b));
}

function rankOf(file) {
  const known = slowest.indexOf(file);
  if (known >= 0) return known;
  const folder = folders.findIndex((prefix) => file.startsWith(prefix));
  return slowest.length + (folder >= 0 ? folder : folders.length);
}

/** Splits off the files that ask, by a line of their own, for the machine to themselves: those that measure. */
export async function splitAlone(root, files) {
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')));
  const isAlone = (i) => /^\/\/ Runs alone\b/m.test(texts[i]);
  return { together: files.filter((_, i) => !isAlone(i)), alone: files.filter((_, i) => isAlone(i)) };
}
