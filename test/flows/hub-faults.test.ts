/** Registrations while the hubs are slow, throttled, refusing or down on purpose. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSignedCaller, type SignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { makeHierarchy, openSsl, type OpenSsl } from '../exams/openssl.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';

const deviceClient = new URL('./sdk-device-client.ts', import.meta.url);
const path = '/benchline/v1/fault';

let bench: ServiceBench;
let tool: OpenSsl;
let hubs: readonly SignedCaller[];

beforeAll(async () => {
  bench = await openServiceBench();
  tool = openSsl();
  makeHierarchy(tool, 'p256');
  const caPem = readFileSync(bench.ready.caFile, 'utf8');
  hubs = bench.ready.hubs.map(({ connectionString }) => {
    const connection = must(parseConnectionString(connectionString));
    return createSignedCaller({ connection, caPem }, { clock: systemClock, random: systemRandom });
  });
  const enrolled = await bench.ask('enroll-group', '--id', 'line-7', '--certificate', tool.path('ca.pem'));
  expect(enrolled).toMatchObject({ code: 0 });
});

afterAll(async () => {
  for (const hub of hubs) hub.close();
  await bench.close();
  tool.remove();
});

/** An unmodified SDK registers, connects to its hub, and reads its twin. */
function register(registrationId: string): Promise<unknown> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'unit.key'];
  tool.run('req', ...key, '-subj', `/CN=${registrationId}`, '-out', 'leaf.csr');
  tool.put('leaf.ext', 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-extfile', 'leaf.ext', '-days', '20'];
  tool.run('x509', '-req', '-in', 'leaf.csr', '-out', 'leaf.pem', ...signed);
  const cert = tool.get('leaf.pem').toString() + tool.get('ca.pem').toString();
  const x509 = { registrationId, cert, key: tool.get('unit.key').toString() };
  return bench.client(deviceClient, { host: bench.ready.deviceHost, idScope: bench.ready.idScope, x509 });
}

async function setFault(fault: object): Promise<void> {
  for (const hub of hubs) must(await hub.call({ method: 'PUT', path, json: { ...fault, forSeconds: 120 } }));
}

async function clearFault(): Promise<void> {
  for (const hub of hubs) must(await hub.call({ method: 'DELETE', path }));
}

/** Until one of the hubs has shown its fault so often. */
async function struck(times: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const views = await Promise.all(hubs.map((hub) => hub.call({ method: 'GET', path })));
      const counts = views.map((view) => (must(view).json as { struck: number }).struck);
      expect(Math.max(...counts)).toBeGreaterThanOrEqual(times);
    },
    { timeout: 40_000, interval: 100 },
  );
}

describe('a registration', () => {
  it.each([
    ['slow', { is: 'slow', delayMs: 1_500 }, 1],
    ['throttled', { is: 'throttled', retryAfterSeconds: 1 }, 2],
    ['down', { is: 'down' }, 2],
  ])('ends well when its hub is %s for a while', async (name, fault, times) => {
    await setFault(fault);
    const registered = register(`unit-${name}`);
    await struck(times);
    await clearFault();
    expect(await registered).toMatchObject({ deviceId: `unit-${name}`, desired: { $version: 1 } });
  });

  it('may be tried so from the command line', async () => {
    const [, second] = bench.ready.hubs;
    const hub = second!.hostName;
    const set = await bench.ask('hub-call', 'PUT', path, '--hub', hub, '--body', '{"is":"throttled"}', '--json');
    expect(set).toMatchObject({ code: 0, text: expect.stringContaining('"retryAfterSeconds":5') as string });
    expect(await bench.ask('hub-call', 'GET', '/devices', '--hub', hub)).toMatchObject({ code: 1 });
    expect(await bench.ask('hub-call', 'GET', '/statistics/devices')).toMatchObject({ code: 0 });
    expect(await bench.ask('hub-call', 'DELETE', path, '--hub', hub)).toEqual({ code: 0, text: 'Done.\n' });
    expect(await bench.ask('hub-call', 'FETCH', '/devices')).toMatchObject({ code: 2 });
    expect(await bench.ask('hub-call', 'GET', '/devices', '--hub', 'elsewhere')).toMatchObject({ code: 2 });
  });

  it('is told that its hub refuses the service, and ends well the next time', async () => {
    await setFault({ is: 'refusing' });
    await expect(register('unit-refusing')).rejects.toThrow('registration failed');
    await struck(1);
    await clearFault();
    expect(await register('unit-refusing')).toMatchObject({ deviceId: 'unit-refusing' });
  });
});
