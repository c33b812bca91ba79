import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serviceCalls } from './service-calls.ts';
import { serviceVerb } from './service.ts';

let folder = '';
let service = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'service-call-'));
  service = join(folder, 'service.txt');
  writeFileSync(service, 'HostName=127.0.0.1:1;SharedAccessKeyName=owner;SharedAccessKey=AAAA');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function told(...args: readonly string[]): Promise<readonly [code: number, said: string]> {
  const lines: string[] = [];
  const keep = (text: unknown): void => void lines.push(String(text));
  const code = await serviceVerb.run(args, { say: keep, warn: keep, json: keep });
  return [code, lines[0]?.split('\n')[0] ?? ''];
}

describe('what is asked of a service', () => {
  it.each([
    ['enrollments remove z', 'service enrollments has no use for the word remove.'],
    ['enrollments --hub h', 'service enrollments does not take --hub.'],
    ['enroll-group --id g --tpm-ek k', 'service enroll-group does not take --tpm-ek.'],
    ['ca code a b', 'service ca code has no use for the word b.'],
    ['ca list --verified', 'service ca list does not take --verified.'],
    ['signer list --group g', 'service signer list does not take --group.'],
    ['signer frob', 'There is no verb service signer frob.'],
    ['enroll --tpmek k', 'There is no option --tpmek.'],
    ['enroll --tpm-ek', '--tpm-ek needs a value.'],
    ['enroll --tpm-ek --hub h', '--tpm-ek needs a value.'],
    ['enroll --symmetric-key=yes', '--symmetric-key takes no value.'],
  ])('is refused when it is %s', async (asked, said) => {
    expect(await told(...asked.split(' '))).toEqual([2, said]);
  });

  it.each([
    ['enroll --certificate c --tpm-ek k', '--tpm-ek and --certificate contradict each other.'],
    ['enroll --ca-name n --symmetric-key', '--ca-name and --symmetric-key contradict each other.'],
    ['enroll-group --id g --certificate c --ca-name n', '--certificate and --ca-name contradict each other.'],
    ['signer remove --group g --registration-id r', '--group and --registration-id contradict each other.'],
    ['unenroll --group g --registration-id r', '--group and --registration-id contradict each other.'],
    ['unenroll', '--group or --registration-id is missing.'],
    ['enroll --tpm-ek nofile', 'The file nofile cannot be read: there is no such file.'],
    ['hub-call FETCH /devices', 'The method cannot be FETCH.'],
    ['hub-call GET devices', 'The path cannot be devices.'],
    ['hub-call GET', 'A method and a path, such as GET /statistics/devices, is missing.'],
  ])('is told apart before a service is reached: %s', async (asked, said) => {
    const [, last] = await toldOf(asked);
    expect(last).toBe(said);
  });

  it.each(Object.keys(serviceCalls))('%s has a page of its own with all that it takes', async (word) => {
    const page: string[] = [];
    const keep = (text: unknown): void => void page.push(String(text));
    const code = await serviceVerb.run([word, '--help'], { say: keep, warn: keep, json: keep });
    const call = serviceCalls[word];
    const actions = call !== undefined && 'actions' in call ? Object.values(call.actions) : [call];
    const [usage = '', , about, ...rest] = page.join('\n').split('\n');
    expect(code).toBe(0);
    expect(usage).toMatch(new RegExp(`^benchline service ${word}\\b`));
    expect(about).toMatch(/\.$/);
    for (const option of actions.flatMap((action) => [...(action?.options ?? []), ...(action?.flags ?? [])])) {
      expect(usage + rest.join('\n')).toContain(`--${option}`);
      expect(rest.filter((line) => line.startsWith(`  --${option} `))).toHaveLength(1);
    }
    expect(rest.join('\n')).toContain('--data DIR');
  });

  it('finds no running service by the ready file that a killed one left', async () => {
    const left = { serviceConnectionString: readFileSync(service, 'utf8'), caFile: service };
    writeFileSync(join(folder, 'ready.json'), JSON.stringify(left));
    const [code, said] = await told('hubs', '--data', folder);
    expect([code, said]).toEqual([1, `No running service was found in ${join(folder, 'ready.json')}.`]);
  });

  it('warns of every connection string on the command line', async () => {
    const [, said] = await told('hubs', '--connection-string', 'nonsense');
    expect(said).toContain('Every user of this machine can read --connection-string');
  });
});

/** The service is named, and not there: these are refused without it. */
function toldOf(asked: string): Promise<readonly [code: number, said: string]> {
  const named = asked.startsWith('hub-call') ? [] : ['--connection-string-file', service];
  return told(...asked.split(' '), ...named);
}
