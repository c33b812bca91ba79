/** The rule of dps-wire section 11 about our own certificate. */
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRuleBed, serviceName, type RuleBed } from './rule-bed.ts';

let bed: RuleBed;
beforeAll(async () => {
  bed = await openRuleBed();
});
afterAll(() => bed.close());

it('[rule 15] the server certificate stands a check of host name and address against its CA', async () => {
  const errors = [
    await handshakeError({ servername: serviceName }),
    await handshakeError({}),
    await handshakeError({ servername: 'other.test' }),
  ];
  expect(errors).toEqual([undefined, undefined, 'ERR_TLS_CERT_ALTNAME_INVALID']);
});

function handshakeError(name: { readonly servername?: string }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect(
      { host: bed.address, port: bed.ready.ports.https, ca: bed.caPem, ...name },
      () => {
        socket.destroy();
        resolve(undefined);
      },
    );
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}
