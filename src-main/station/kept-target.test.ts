import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, silentLog } from '../lib/base/log.ts';
import { must } from '../lib/base/result.ts';
import { parseStationArgs } from './config.ts';
import { keepTarget, readKeptTarget } from './kept-target.ts';

const target = {
  embedded: false,
  idScope: '0ne1',
  endpoint: 'dps.test:443',
  caFile: '',
  caPem: undefined,
  trustedRoots: [],
  mqttsPort: 8_883,
};
const connection = ['--connection-string', 'HostName=dps.test;SharedAccessKeyName=owner;SharedAccessKey=c2VjcmV0'];
const configOf = (...args: string[]) => must(parseStationArgs(['--data', 'data', ...args]));
const own = configOf(...connection, '--id-scope', '0ne1', '--endpoint', 'dps.test:443');

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-kept-'));
  file = join(folder, 'target.json');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the target of an earlier start', () => {
  it('is known again before the service is', async () => {
    await keepTarget(file, target, silentLog);
    expect(await readKeptTarget(file, own)).toEqual(target);
  });

  it('holds no credential', async () => {
    await keepTarget(file, { ...target, connection: { key: 'c2VjcmV0' } } as typeof target, silentLog);
    expect(await readFile(file, 'utf8')).not.toContain('c2VjcmV0');
  });

  it('is not that of another service, nor an embedded one for a configured one', async () => {
    await keepTarget(file, target, silentLog);
    const other = configOf(...connection, '--id-scope', '0ne2', '--endpoint', 'dps.test:443');
    expect(await readKeptTarget(file, other)).toBeUndefined();
    expect(await readKeptTarget(file, configOf())).toBeUndefined();
    await keepTarget(file, { ...target, embedded: true }, silentLog);
    expect(await readKeptTarget(file, own)).toBeUndefined();
    expect(await readKeptTarget(file, configOf())).toMatchObject({ idScope: '0ne1' });
  });

  it.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['an empty scope', JSON.stringify({ ...target, idScope: '' })],
    ['an empty endpoint', JSON.stringify({ ...target, endpoint: '' })],
    ['roots that are none', JSON.stringify({ ...target, caPem: 'garbled' })],
  ])('is unknown where the file holds %s', async (_what, text) => {
    if (text !== undefined) await writeFile(file, text);
    expect(await readKeptTarget(file, own)).toBeUndefined();
  });

  it('that cannot be kept stops nothing', async () => {
    const told: string[] = [];
    const log: Log = { ...silentLog, warn: (event) => void told.push(event) };
    await keepTarget(join(folder, 'missing', 'target.json'), target, log);
    expect(told).toEqual(['target-not-kept']);
  });
});
