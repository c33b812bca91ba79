import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { must } from '../base/result.ts';
import { streamPair } from '../base/stream-pair.ts';
import { createLinkClient } from './client.ts';
import { serveLink } from './server.ts';
import { derSequence, testDevice, testMemory } from '../../../test/exams/link-device.ts';
import type { LinkDevice } from './types.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };

function bench(device: LinkDevice, bufferBytes = 384) {
  const pair = streamPair();
  const memory = testMemory();
  const server = serveLink(pair.far, device, { ...parts, memory, bufferBytes });
  const client = createLinkClient(pair.near, { ...parts, limits: { echoEveryMs: 50, replyTimeoutMs: 500 } });
  return { client, server, pair, memory };
}

describe('[LINK-4.2] a link with a buffer of', () => {
  for (const bufferBytes of [64, 384, 4096]) {
    it(`${bufferBytes} bytes carries all commands`, async () => {
      const device = testDevice();
      const { client } = bench(device, bufferBytes);
      must(await client.connect());
      expect(must(await client.deviceInfo())).toMatchObject({ model: 'Test board', bufferBytes });
      expect(must(await client.tpm.transmit(new Uint8Array(4_000).fill(7)))).toHaveLength(32);
      expect(must(await client.generateKey('run-1/key', 'p256')).publicKey).toHaveLength(32);
      expect(must(await client.createCsr('run-1/csr', 'sn-1'))).toHaveLength(12);
      const chain = [derSequence(1_200, 1), derSequence(100, 2)];
      const { sha256 } = must(await client.writeCertificates('run-1/chain', chain));
      expect(must(await client.readCertificates())).toEqual({ chain, sha256 });
      const settings = { registrationId: 'sn-1', idScope: '0ne00000001', endpoint: 'dps.test:443' };
      const written = must(await client.writeSettings('run-1/settings', settings));
      expect(must(await client.readSettings())).toEqual({ settings, sha256: written.sha256 });
      must(await client.boot('run-1/boot'));
      expect(must(await client.status())).toEqual({ state: 'booting' });
      await client.close();
    });
  }
});
