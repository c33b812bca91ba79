/** The README's device, as it stands there: its certificates, its enrollment, its program, and what its hub is asked. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';
import { until } from './service-bed.ts';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const block = (language: string, holds: string): string => {
  const blocks = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)];
  const found = blocks.filter(([, kind, text]) => kind === language && text?.includes(holds) === true);
  if (found.length !== 1) throw new Error(`the README has ${found.length} blocks with ${holds}`);
  return found[0]?.[2] ?? '';
};

let bench: ServiceBench;
let folder = '';
let device: ChildProcess | undefined;
let printed = '';

beforeAll(async () => {
  bench = await openServiceBench();
  folder = mkdtempSync(join(tmpdir(), 'readme-device-'));
  mkdirSync(join(folder, 'DIR'));
  symlinkSync(bench.readyFile, join(folder, 'DIR/ready.json'));
  symlinkSync(join(bench.folder, 'data/tls'), join(folder, 'DIR/tls'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(async () => {
  device?.kill('SIGKILL');
  await bench.close();
  rmSync(folder, { recursive: true });
});

it('registers by the certificates that the README makes, speaks at its hub and answers a method', async () => {
  execFileSync('sh', ['-ec', block('sh', 'press-17.csr')], { cwd: folder, stdio: 'pipe' });
  const group = ['--id', 'line-7', '--certificate', join(folder, 'line-7-ca.pem')];
  expect(await bench.ask('enroll-group', ...group)).toMatchObject({ code: 0 });
  const program = block('js', 'ProvisioningDeviceClient.create');
  const [, name, value = '', file = ''] = /^\/\/ (\w+)=(\S+) node (\S+)\n/.exec(program) ?? [];
  expect([name, file]).toEqual(['NODE_EXTRA_CA_CERTS', 'my-device.mjs']);
  writeFileSync(join(folder, file), program);
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: value, NODE_NO_WARNINGS: '1' };
  device = spawn(process.execPath, [file], { cwd: folder, env, stdio: 'pipe' });
  for (const stream of [device.stdout, device.stderr]) stream?.on('data', (text: Buffer) => (printed += String(text)));
  const hub = await until(async () => {
    if (device?.exitCode !== null) throw new Error(`the device ended: ${printed}`);
    const listed = JSON.parse((await bench.ask('registrations', '--json')).text) as { assignedHub: string | null }[];
    return listed[0]?.assignedHub ?? undefined;
  }, 'the device is assigned');
  const said = await until(async () => {
    const asked = await bench.ask('hub-call', 'GET', '/benchline/v1/devices/press-17/messages', '--hub', hub);
    return asked.text.includes('temperature') ? asked.text : undefined;
  }, 'the hub has the message');
  expect(said).toContain('21');
  const call = (body: object) =>
    bench.ask('hub-call', 'POST', '/twins/press-17/methods', '--hub', hub, '--body', JSON.stringify(body));
  const answered = await call({ methodName: 'reboot', payload: {} });
  expect([answered.code, JSON.parse(answered.text)]).toEqual([0, { status: 200, payload: { done: true } }]);
  // what nobody answers is told in the hub's words, not as a hub that is away
  const silent = await call({ methodName: 'nothing', payload: {}, responseTimeoutInSeconds: 5 });
  expect(silent.code).toBe(1);
  expect(silent.text).toMatch(/^the hub \S+ answered 504: .*\nLook at the device/i);
  expect(silent.text).toContain('(hub-answered)');
}, 120_000);
