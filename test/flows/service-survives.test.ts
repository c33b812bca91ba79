/** The real service program is killed, stopped and started again; nothing it confirmed is lost or done twice. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { groupOf, makeAuthority, makeLeaf, openTpmDevice } from './service-devices.ts';
import { openServiceBed, until, type ServiceBed } from './service-bed.ts';
import { withStillCopy } from './support/still-copy.ts';

let bed: ServiceBed;
const closers: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  bed = await openServiceBed();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(() => bed.close());

/** Passes calls on and, when told to, keeps the answers to itself. */
async function openGate(): Promise<{ readonly port: number; holdAnswers: () => void }> {
  let holds = false;
  const open = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(8443, bed.address);
    open.add(near).add(far);
    near.pipe(far);
    far.on('data', (bytes) => {
      if (!holds) near.write(bytes);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, bed.address, resolve));
  closers.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, holdAnswers: () => void (holds = true) };
}

/** What is on disk, seen by another program. */
function rowsOnDisk(sql: string): string {
  const file = join(bed.folder, 'service', 'service.sqlite');
  return withStillCopy(file, (copy) => spawnSync('sqlite3', [copy, sql], { encoding: 'utf8' }).stdout.trim());
}

describe('killed between commit and reply', () => {
  it('the client does not know, asks again, and there is one enrollment', async () => {
    const device = await openTpmDevice();
    closers.push(() => device.close());
    const gate = await openGate();
    const client = bed.clientWith({ port: gate.port });
    closers.push(() => client.close());
    expect((await client.enrollments.query()).ok).toBe(true);
    gate.holdAnswers();
    const call = client.enrollments.bulk('create', [device.enrollment({ deviceId: 'press-1' })]);
    await until(async () => (rowsOnDisk('SELECT count(*) FROM enrollments') === '1' ? true : undefined), 'the commit');
    await bed.killService('SIGKILL');
    expect(await call).toMatchObject({ fault: { code: 'call-ambiguous' } });
    await bed.restartService();
    const again = must(await bed.client.enrollments.bulk('create', [device.enrollment({ deviceId: 'press-1' })]));
    expect(again.errors).toMatchObject([{ registrationId: device.registrationId, errorCode: 409_201 }]);
    const held = must(await bed.client.enrollments.get(device.registrationId));
    expect(held).toMatchObject(device.enrollment({ deviceId: 'press-1' }));
    expect(rowsOnDisk('SELECT count(*) FROM enrollments')).toBe('1');
  });

  it('a device that was told nothing registers once, and finishes after the restart', async () => {
    const authority = await makeAuthority('CA');
    must(await bed.client.groups.put(groupOf('line', authority.certificate)));
    const leaf = await makeLeaf('unit-1', authority);
    await bed.killHubs('SIGKILL');
    // the hubs are away: the operation is committed and cannot be finished
    const path = `/${bed.ready.idScope}/registrations/unit-1/register?api-version=2019-03-31`;
    const started = await bed.raw({ method: 'PUT', path, tls: leaf.tls });
    expect(started.status).toBe(202);
    await bed.killService('SIGKILL');
    expect(rowsOnDisk("SELECT state, count(*) FROM operations WHERE state = 'assigning'")).toBe('assigning|1');
    await bed.restartHubs();
    await bed.restartService();
    const operation = String(started.json['operationId']);
    const poll = `/${bed.ready.idScope}/registrations/unit-1/operations/${operation}?api-version=2019-03-31`;
    // rule 20: the id from before the crash is still good
    const done = await until(async () => {
      const reply = await bed.raw({ method: 'GET', path: poll, tls: leaf.tls });
      return reply.status === 200 ? reply : undefined;
    }, 'the operation is done');
    expect(done.json).toMatchObject({ operationId: operation, status: 'assigned' });
    const counts = await Promise.all(bed.hubs.map((hub) => bed.control.devicesOfHub(hub.hostName)));
    expect(counts.map((devices) => must(devices).length).reduce((sum, n) => sum + n)).toBe(1);
    expect(rowsOnDisk('SELECT count(*), count(plan) FROM operations')).toBe('1|0');
  });
});

describe('stopped and started again', () => {
  it('has the same identity, keys and certificates, and what it held', async () => {
    must(await bed.control.setAllocationPolicy('static'));
    const [hub, other] = bed.hubs.map(({ hostName, connectionString }) => ({ hostName, connectionString }));
    must(await bed.control.unlinkHub(other?.hostName ?? ''));
    const kept = must(
      await bed.control.linkHub({ connectionString: hub?.connectionString ?? '', allocationWeight: 7 }),
    );
    const shown = await certificateShown(bed);
    expect(await bed.killService('SIGTERM')).toBe(0);
    expect(existsSync(bed.readyFile)).toBe(false);
    expect(await bed.restartService()).toEqual(bed.ready);
    expect(await certificateShown(bed)).toEqual(shown);
    expect(must(await bed.control.allocationPolicy())).toBe('static');
    // its starter offers both hubs again
    expect(must(await bed.control.linkedHubs())).toEqual([{ ...kept, allocationWeight: 7 }]);
    expect(statSync(bed.readyFile).mode & 0o777).toBe(0o600);
  });

  it('keeps everything it writes from other users but its CA certificate', () => {
    const folder = join(bed.folder, 'service');
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    expect(bed.ready).toMatchObject({ idScope: expect.stringMatching(/^0ne[0-9A-F]{8}$/) as unknown, hubs: [] });
    expect(readFileSync(bed.ready.caFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  });
});

describe('its TLS', () => {
  it('never resumes a session, in TLS 1.2 and 1.3', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await handshake({ version });
      const session = first.session ?? first.socket.getSession();
      first.socket.destroy();
      const second = await handshake({ version, ...(session === undefined ? {} : { session }) });
      expect(second.socket.getProtocol()).toBe(version);
      expect(second.socket.isSessionReused()).toBe(false);
      second.socket.destroy();
    }
  });

  /** Connects, waits for whatever session the server hands out, by asking something. */
  function handshake(how: {
    version: 'TLSv1.2' | 'TLSv1.3';
    session?: Buffer;
  }): Promise<{ socket: TLSSocket; session: Buffer | undefined }> {
    return new Promise((resolve, reject) => {
      let session: Buffer | undefined;
      const { version, session: saved } = how;
      const options = { host: bed.address, port: 8443, ca: bed.caPem, minVersion: version, maxVersion: version };
      const socket = tlsConnect({ ...options, ...(saved === undefined ? {} : { session: saved }) });
      socket.on('error', reject);
      socket.on('session', (given: Buffer) => (session = given));
      socket.on('secureConnect', () => socket.write(`GET / HTTP/1.1\r\nhost: ${bed.address}\r\n\r\n`));
      socket.once('data', () => {
        resolve({ socket, session });
      });
    });
  }
});

function certificateShown(from: ServiceBed): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ host: from.address, port: 8443, ca: from.caPem }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
