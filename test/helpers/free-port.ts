// Ports for programs that have to be told theirs. Somebody may take one before they do: then starting fails.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Different ones of loopback, free for TCP and UDP. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    for (const server of servers) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    const ports = servers.map((server) => (server.address() as AddressInfo).port);
    const open = await Promise.all(ports.map(isFreeForUdp));
    return open.every((isFree) => isFree) ? ports : await freePorts(count);
  } finally {
    for (const server of servers) server.close();
  }
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
