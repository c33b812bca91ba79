/** The steps of the public tutorial from the command line: link a hub, choose a policy, enroll by hand. */
import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { createDeviceClient } from '../../src-main/lib/dps/device-client.ts';
import { makeHierarchy, openSsl, type OpenSsl } from '../exams/openssl.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';
import { makeAuthority, makeLeaf, pemOf, type Leaf } from './service-devices.ts';

let bench: ServiceBench;
let tool: OpenSsl;
let ek: Buffer;

beforeAll(async () => {
  bench = await openServiceBench();
  tool = openSsl();
  makeHierarchy(tool, 'p256');
  tool.run('x509', '-in', 'ca.pem', '-outform', 'der', '-out', 'ca.cer');
  const folder = mkdtempSync(join(tmpdir(), 'tutorial-tpm-'));
  const job = { host: '', idScope: '', tpm: { kind: 'software', folder }, onlyIdentity: true };
  const identity = await bench.client(new URL('./sdk-device-client.ts', import.meta.url), job);
  ek = Buffer.from((identity as { endorsementKey: string }).endorsementKey, 'base64');
  rmSync(folder, { recursive: true });
});

afterAll(async () => {
  await bench.close();
  tool.remove();
});

async function answer(...words: readonly string[]): Promise<unknown> {
  const { text } = await bench.ask(...words, '--json');
  return JSON.parse(text);
}

describe('benchline service', () => {
  it('shows and sets the allocation policy', async () => {
    expect(await answer('policy')).toEqual({ policy: 'hashed' });
    expect(await bench.ask('policy', 'static')).toEqual({ code: 0, text: 'The policy is static.\n' });
    expect(await answer('policy')).toEqual({ policy: 'static' });
    expect(await bench.ask('policy', 'hashed')).toMatchObject({ code: 0 });
    expect(await bench.ask('policy', 'fastest')).toMatchObject({
      code: 2,
      text: 'The policy cannot be fastest.\nIt must be hashed or static.\n(option-wrong)\n',
    });
  });

  it('unlinks a hub and links it again by its connection string, with a weight', async () => {
    const { hostName, connectionString } = bench.ready.hubs[1]!;
    expect(await bench.ask('unlink-hub', hostName)).toMatchObject({ code: 0 });
    expect(await answer('hubs')).toHaveLength(1);
    const file = tool.put('hub-2.txt', `${connectionString}\n`);
    expect(await bench.ask('link-hub', '--connection-string-file', file, '--weight', '7')).toMatchObject({
      code: 0,
    });
    expect(await answer('hubs')).toContainEqual(expect.objectContaining({ hostName, allocationWeight: 7 }));
  });

  it.each([
    ['a weight beyond the limit', ['--weight', '1001'], 'option-wrong'],
    ['no connection string', [], 'option-missing'],
    ['half a connection string', ['--connection-string-file', 'half'], undefined],
    ['a file that is not there', ['--connection-string-file', 'none.txt'], 'secret-unreadable'],
  ])('links no hub with %s', async (_what, words, code) => {
    const whole = tool.put('hub-1.txt', bench.ready.hubs[0]!.connectionString);
    const half = tool.put('half.txt', 'HostName=hub.example');
    const given = code === 'option-wrong' ? ['--connection-string-file', whole] : [];
    const told = words.map((word) => (word === 'half' ? half : word));
    const refused = (await answer('link-hub', ...given, ...told)) as { ok: boolean; fault: { code: string } };
    expect(refused.ok).toBe(false);
    expect(refused.fault.code).toMatch(code ?? /./);
  });

  it('enrolls a TPM by its endorsement key as base64, as a file of base64 and as the TPM’s own file', async () => {
    const text = ek.toString('base64');
    const files = [tool.put('ek.txt', `${text}\n`), tool.put('ek.pub', ek)];
    for (const [at, given] of [text, ...files].entries()) {
      const made = await answer('enroll', '--tpm-ek', given, '--registration-id', `tpm-${at}`);
      expect(made).toMatchObject({ registrationId: `tpm-${at}`, attestation: { tpm: { endorsementKey: text } } });
    }
  });

  it('enrolls a device and a group by .pem and by .cer, the device named by its certificate', async () => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'unit.key'];
    tool.run('req', '-x509', ...key, '-subj', '/CN=unit-77', '-days', '9', '-out', 'unit.pem');
    expect(await bench.ask('enroll', '--certificate', tool.path('unit.pem'))).toEqual({
      code: 0,
      text: 'unit-77 is enrolled.\n',
    });
    const { hostName } = bench.ready.hubs[1]!;
    tool.run('req', '-x509', ...key, '-subj', '/CN=unit-78', '-days', '9', '-out', 'unit-78.pem');
    const pinned = ['--registration-id', 'unit-78', '--device-id', 'press-78', '--hub', hostName];
    expect(await answer('enroll', '--certificate', tool.path('unit-78.pem'), ...pinned)).toMatchObject({
      registrationId: 'unit-78',
      deviceId: 'press-78',
      allocationPolicy: 'static',
      iotHubs: [hostName],
    });
    const group = await answer('enroll-group', '--id', 'line-9', '--certificate', tool.path('ca.cer'));
    expect(group).toMatchObject({ enrollmentGroupId: 'line-9' });
    const listed = await bench.ask('enrollments');
    expect(listed.text).toMatch(/^group +line-9 +x509$/m);
    expect(listed.text).toMatch(/^individual +unit-77 +x509$/m);
  });

  it('enrolls nothing over what is enrolled, and nothing it cannot read', async () => {
    const taken = await bench.ask('enroll', '--certificate', tool.path('unit.pem'));
    expect(taken).toMatchObject({ code: 1, text: expect.stringContaining('(enrollment-exists)') as string });
    const noCertificate = await bench.ask('enroll', '--certificate', tool.path('unit.key'));
    expect(noCertificate.text).toContain('(certificate-unreadable)');
    const noFile = await bench.ask('enroll-group', '--id', 'x', '--certificate', tool.path('none.pem'));
    expect(noFile.text).toContain('(file-unreadable)');
    const noKey = await bench.ask('enroll', '--tpm-ek', ek.subarray(0, 99).toString('base64'));
    expect(noKey.text).toContain('(ek-unreadable)');
  });

  it('takes an enrollment away, which the refusal of a second one names', async () => {
    await answer('enroll', '--symmetric-key', '--registration-id', 'spare-1');
    const second = await bench.ask('enroll', '--symmetric-key', '--registration-id', 'spare-1');
    expect(second.text).toContain('benchline service unenroll --registration-id spare-1');
    expect(await bench.ask('unenroll', '--registration-id', 'spare-1')).toEqual({
      code: 0,
      text: 'spare-1 is no longer enrolled.\n',
    });
    const gone = await bench.ask('unenroll', '--registration-id', 'spare-1');
    expect(gone.code).toBe(1);
    expect(gone.text).toMatch(/not-found/);
    expect(gone.text).not.toContain('..');
    await answer('enroll-group', '--id', 'spare-line', '--symmetric-key');
    expect(await bench.ask('unenroll', '--group', 'spare-line')).toMatchObject({ code: 0 });
    expect((await bench.ask('enrollments')).text).not.toContain('spare');
  });

  it('keeps a device out and lets it in again, with what it was enrolled with', async () => {
    const device = async (leaf: Leaf) => {
      const { deviceHost, idScope, ports, caFile } = bench.ready;
      const place = { host: deviceHost, port: ports.https, idScope, caPem: readFileSync(caFile, 'utf8') };
      const parts = { clock: systemClock, random: systemRandom, log: silentLog };
      const answered = await createDeviceClient(place, parts).register(leaf.identity);
      return answered.ok ? 'assigned' : answered.fault.code;
    };
    const line = await makeAuthority('Line 5');
    const [member, own] = [await makeLeaf('unit-51', line), await makeLeaf('unit-52', line)];
    const [ca, certificate] = [line.certificate, own.certificate].map((one, at) =>
      tool.put(`own-${at}.pem`, pemOf(one)),
    );
    await answer('enroll-group', '--id', 'line-5', '--certificate', String(ca));
    await answer('enroll', '--certificate', String(certificate));
    await answer('enroll-group', '--id', 'line-6', '--symmetric-key');
    const keyOf = () => answer('device-key', '--group', 'line-6', '--registration-id', 'unit-61');
    const key = await keyOf();
    for (const named of [
      ['--group', 'line-5'],
      ['--registration-id', 'unit-52'],
      ['--group', 'line-6'],
    ]) {
      const said = named[0] === '--group' ? `The group ${String(named[1])}` : String(named[1]);
      expect(await bench.ask('disable', ...named)).toEqual({ code: 0, text: `${said} is disabled.\n` });
    }
    expect((await bench.ask('enrollments')).text).toMatch(/^group +line-5 +x509 +disabled$/m);
    expect([await device(member), await device(own)]).toEqual(['call-unauthorized', 'call-unauthorized']);
    expect(await bench.ask('enable', '--group', 'line-5')).toEqual({ code: 0, text: 'The group line-5 is enabled.\n' });
    await answer('enable', '--registration-id', 'unit-52');
    await answer('enable', '--group', 'line-6');
    expect([await device(member), await device(own)]).toEqual(['assigned', 'assigned']);
    expect(await keyOf()).toEqual(key);
    expect((await bench.ask('enrollments')).text).not.toContain('disabled');
    expect((await bench.ask('disable', '--group', 'nobody')).code).toBe(1);
    // and why one failed stands in the list
    const lost = await makeLeaf('unit-53', line);
    const file = tool.put('lost.pem', pemOf(lost.certificate));
    await answer('enroll', '--certificate', file, '--allocation', 'static');
    expect(await device(lost)).not.toBe('assigned');
    const listed = (await bench.ask('registrations')).text;
    expect(listed).toMatch(/^unit-53 +failed +- +400208 No IoT hub could be selected for the device\.$/m);
    expect(listed).toMatch(/^unit-51 +assigned +hub \S+ +unit-51$/m);
  }, 60_000);

  it('enrolls for a linked hub alone, and a certificate under its own name alone', async () => {
    const elsewhere = await bench.ask('enroll', '--symmetric-key', '--registration-id', 'spare-2', '--hub', 'nowhere');
    expect(elsewhere).toMatchObject({ code: 2, text: expect.stringContaining('--hub cannot be nowhere.') as string });
    expect(elsewhere.text).toContain(bench.ready.hubs[0]!.hostName);
    const renamed = await bench.ask('enroll', '--certificate', tool.path('unit.pem'), '--registration-id', 'unit-79');
    expect(renamed).toMatchObject({ code: 2, text: expect.stringContaining('It must be unit-77') as string });
  });

  it('asks a hub in its own words, by its name or its connection string', async () => {
    const path = '/benchline/v1/fault';
    const { connectionString } = bench.ready.hubs[0]!;
    const file = tool.put('hub-1.txt', connectionString);
    expect(await bench.ask('hub-call', 'GET', path, '--connection-string-file', file)).toMatchObject({ code: 0 });
    const wrong = await bench.ask('hub-call', 'FETCH', path);
    expect(wrong.text).toContain('The method cannot be FETCH.');
    expect((await bench.ask('hub-call', 'GET', 'devices')).text).toContain('The path cannot be devices.');
    const method = ['hub-call', 'POST', '/twins/nobody/methods', '--body', '{"methodName":"reboot"}'];
    const refused = await bench.ask(...method);
    expect(refused.code).toBe(1);
    expect(refused.text).toContain('nobody');
  });

  it('takes the service by a connection string from a file, and warns of one on the command line', async () => {
    const file = tool.put('service.txt', bench.ready.serviceConnectionString);
    const named = ['--connection-string-file', file, '--ca', bench.ready.caFile];
    expect(await bench.ask('policy', ...named)).toEqual({ code: 0, text: 'hashed\n' });
    const elsewhere = tool.put('elsewhere.txt', 'HostName=127.0.0.1:1;SharedAccessKeyName=owner;SharedAccessKey=AAAA');
    const plain = await bench.ask('policy', '--connection-string', 'nonsense');
    expect(plain.text).toContain('can read --connection-string');
    expect((await bench.ask('policy', '--connection-string-file', elsewhere)).code).toBe(1);
  });

  it('knows no other word, and no service where there is none', async () => {
    expect(await bench.ask('frobnicate')).toMatchObject({
      code: 2,
      text: expect.stringContaining('(verb-unknown)') as string,
    });
    const elsewhere = await bench.ask('hubs', '--connection-string', 'nonsense');
    expect(elsewhere.text).toContain('(connection-string-unreadable)');
  });
});

describe('benchline service for a user without rights', () => {
  const nobody = 65_534;
  // started by root it gives its rights away; started by anybody else it has none to give
  const isRoot = process.getuid?.() === 0;

  it('takes other ports and says the one command that would allow the standard ones', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutorial-user-'));
    if (isRoot) chownSync(folder, nobody, nobody);
    const address = bench.ready.deviceHost.replace(/\.1$/, '.101');
    const cli = join(import.meta.dirname, '../../src-main/cli.ts');
    const rights = isRoot ? { uid: nobody, gid: nobody } : {};
    const child = spawn(process.execPath, [cli, 'service', '--data', join(folder, 'data'), '--listen', address], {
      stdio: ['ignore', 'pipe', 'ignore'],
      ...rights,
    });
    let text = '';
    const ready = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('Connection strings are in')) resolve();
      });
      child.once('exit', () => {
        resolve();
      });
    });
    await ready;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    rmSync(folder, { recursive: true });
    expect(text).toContain('This user may not listen on port 443.');
    expect(text).toContain('sudo sysctl net.ipv4.ip_unprivileged_port_start=443');
    expect(text).toMatch(/HTTPS 20\d{3}, MQTT 28\d{3}, AMQP 25\d{3}/);
  });
});
