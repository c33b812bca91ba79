import { once } from 'node:events';
import { createServer, connect, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { systemClock, systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import { createAuthority } from '../x509/authority.ts';
import { privateKeyToPem } from '../x509/keys.ts';
import { certificatesToPem } from '../x509/pem.ts';
import { tlsPeerOf } from './tls-peer.ts';

it('a connection that has ended meanwhile is nobody', async () => {
  const plan = { commonName: 'peer', algorithm: 'p256', validityDays: 2, pathLength: 0 } as const;
  const made = must(await createAuthority(plan, { clock: systemClock, random: systemRandom }));
  const own = { cert: certificatesToPem(made.chain), key: privateKeyToPem(made.privateKey) };
  const server = createServer({ ...own, requestCert: true, rejectUnauthorized: false });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = connect({ host: '127.0.0.1', port: address.port, rejectUnauthorized: false, ...own });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  expect(tlsPeerOf(socket)).toMatchObject({ remoteAddress: '127.0.0.1', certificates: [expect.any(Uint8Array)] });
  socket.destroy();
  await once(socket, 'close');
  expect(tlsPeerOf(socket)).toBeUndefined();
  server.close();
});
