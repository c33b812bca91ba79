/** A supervisor's own signer, in files that the openssl tool made, from the call of a screen to a unit's certificate. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallInput, CallValue } from '../../src-main/contract/calls.ts';
import type { BatchTerms } from '../../src-main/contract/views.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { type Result, must } from '../../src-main/lib/base/result.ts';
import { type Desk, createDesk } from '../../src-main/station/desk/handlers.ts';
import type { DeskParts } from '../../src-main/station/desk/handlers.ts';
import { createDeviceProfiles } from '../../src-main/station/drivers/device-profiles.ts';
import { readSignerFile } from '../../src-main/station/signers/signer-file.ts';
import { type OpenSsl, makeHierarchy, openSsl } from '../exams/openssl.ts';
import { type BenchLab, labTerms, openBenchLab } from './support/bench-lab.ts';
import { createLabUnit } from './support/lab-unit.ts';
import { pacedClock } from './support/paced-clock.ts';
import { sqliteRows } from './support/witness-sqlite.ts';

const clock = pacedClock();
let folder: string;
let tool: OpenSsl;
let lab: BenchLab;
let desk: Desk;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-signer-files-'));
  tool = openSsl();
  makeHierarchy(tool, 'p256');
  lab = await openBenchLab(join(folder, 'station'), clock);
  desk = deskOf(lab);
});
afterAll(async () => {
  await lab.close();
  tool.remove();
  await rm(folder, { recursive: true, force: true });
});

/** What these calls need of a station; the rest stays away, and asking for it would fail the test. */
function deskOf({ bench, signers, operations }: BenchLab): Desk {
  const store = {
    appendEvent: async (event: Parameters<typeof operations.appendEvent>[0]) => operations.appendEvent(event),
    openBatch: async (order: Parameters<typeof operations.openBatch>[0]) => operations.openBatch(order),
  };
  const station = { view: () => ({ operator: 'Supervisor' }), refresh: async () => undefined };
  const profiles = createDeviceProfiles();
  return createDesk({ bench, signers, store, station, profiles, log: silentLog } as unknown as DeskParts);
}

const open = (file: Uint8Array, passphrase: string) =>
  desk.answer('signer.open', { file: Buffer.from(file).toString('base64'), passphrase }) as Promise<
    Result<CallValue<'signer.open'>>
  >;

const exported = (...words: string[]): Uint8Array => {
  const signer = ['-inkey', 'ca.key', '-in', 'ca.pem', '-certfile', 'root.pem'];
  tool.run('pkcs12', '-export', '-out', 'signer.p12', '-passout', 'pass:open sesame', ...signer, ...words);
  return tool.get('signer.p12');
};

const openBatch = (terms: Partial<BatchTerms>) => {
  const input: CallInput<'batch.open'> = { terms: { ...labTerms, attestation: 'x509', ...terms } };
  return desk.answer('batch.open', input) as Promise<Result<CallValue<'batch.open'>>>;
};

const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);

const openedEvents = () =>
  sqliteRows(lab.database, `SELECT actor, body FROM events WHERE kind = 'signer.opened' ORDER BY seq`);

async function runUnit(serialNumber: string, batchId: string, where = lab) {
  const unit = await createLabUnit({ folder: join(folder, serialNumber), serialNumber, attestation: 'x509', clock });
  where.plug(1, unit);
  const verdict = await where.run(1, serialNumber, batchId);
  await unit.close();
  return verdict;
}

describe('a signer file', () => {
  it('is refused with a wrong passphrase, which is told to nobody', async () => {
    const refused = await open(exported(), 'open barley');
    expect(codeOf(refused)).toBe('signer-passphrase-wrong');
    expect(JSON.stringify(refused)).not.toContain('barley');
    expect(lab.signers.list().map((signer) => signer.demonstration)).toEqual([true]);
    expect(openedEvents()).toEqual([]);
  });

  it('is refused when it is no PKCS#12 file, too large for the call, or stretched beyond the limit', async () => {
    expect(codeOf(await open(tool.get('ca.pem'), ''))).toBe('signer-file-malformed');
    expect(codeOf(await open(new Uint8Array(131_074), ''))).toBe('call-malformed');
    const refused = await open(exported('-iter', '1500000'), 'open sesame');
    expect(refused).toMatchObject({ fault: { code: 'signer-file-too-stretched' } });
  });

  it('is not held when the audit chain does not take it', async () => {
    const no = { code: 'store-stopped', say: 'No.', hint: 'No.' };
    const file = { bytes: exported(), passphrase: 'open sesame' };
    expect(codeOf(await lab.signers.open(file, async () => ({ ok: false, fault: no })))).toBe('store-stopped');
    expect(lab.signers.list()).toHaveLength(1);
  });

  it('is opened once however often, audited each time, and leaves nothing of its passphrase on disk', async () => {
    const first = must(await open(exported(), 'open sesame'));
    const again = must(await open(exported('-legacy'), 'open sesame'));
    expect(again).toEqual(first);
    expect(first.signers.map((signer) => [signer.commonName, signer.issuer, signer.demonstration])).toEqual([
      ['Benchline Demonstration Intermediate', expect.any(String), true],
      ['Outside Intermediate', expect.stringContaining('Outside Root'), false],
    ]);
    expect(first.signerId).toBe(first.signers[1]?.signerId);
    const events = openedEvents();
    expect(events.map((event) => event['actor'])).toEqual(['Supervisor', 'Supervisor']);
    expect(JSON.parse(String(events[0]?.['body']))).toMatchObject({ sha256: first.signerId });
    const place = join(folder, 'station');
    const kept = await Promise.all(
      (await readdir(place, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')),
    );
    expect(kept.some((text) => text.includes('sesame'))).toBe(false);
  });
});

describe('a batch with a signer of its own', () => {
  it('signs with it, and the tool agrees', async () => {
    const { signerId } = must(await open(exported(), 'open sesame'));
    const { batchId } = must(await openBatch({ signerId }));
    expect(await runUnit('SN0001', batchId)).toMatchObject({ state: 'pass' });
    const passed = sqliteRows(lab.database, `SELECT evidence FROM runs WHERE verdict = 'pass'`);
    const evidence = JSON.parse(String(passed[0]?.['evidence'])) as { readonly certificateChain: string };
    tool.put('unit.pem', evidence.certificateChain);
    expect(tool.run('verify', '-CAfile', 'root.pem', '-untrusted', 'ca.pem', 'unit.pem')).toContain('OK');
  });

  it('is not opened when its signer is not, and is never signed for by another', async () => {
    expect(codeOf(await openBatch({ signerId: 'ab'.repeat(32) }))).toBe('signer-not-open');
  });

  it('ends its runs as errors of ours after a restart, until the file is opened again', async () => {
    const place = join(folder, 'restarted');
    const before = await openBenchLab(place, clock);
    const file = { bytes: exported(), passphrase: 'open sesame' };
    const { signerId } = must(await before.signers.open(file, async () => ({ ok: true, value: undefined })));
    const batchId = before.openBatch({ attestation: 'x509', signerId });
    await before.close();
    const after = await openBenchLab(place, clock);
    const stopped = await runUnit('SN0002', batchId, after);
    expect([stopped.state, stopped.fault?.code]).toEqual(['error', 'signer-not-open']);
    expect(stopped.fault?.hint).toContain('open the signer file');
    must(await after.signers.open(file, async () => ({ ok: true, value: undefined })));
    expect(await runUnit('SN0002', batchId, after)).toMatchObject({ state: 'pass' });
    await after.close();
  });
});

describe('the signer file of a headless station', () => {
  it('is read with the first line of its passphrase file', async () => {
    const [file, passphrase] = [join(folder, 's.p12'), join(folder, 's.txt')];
    await writeFile(file, exported());
    await writeFile(passphrase, 'open sesame\r\nsecond line');
    const read = must(await readSignerFile(file, passphrase));
    expect(read.passphrase).toBe('open sesame');
    expect((await lab.signers.open(read, async () => ({ ok: true, value: undefined }))).ok).toBe(true);
  });

  it('is named when it is missing or too large', async () => {
    const missing = await readSignerFile(join(folder, 'none.p12'), join(folder, 'none.txt'));
    expect(missing).toMatchObject({ fault: { code: 'signer-file-unreadable', detail: { reason: 'ENOENT' } } });
    await writeFile(join(folder, 'large.p12'), new Uint8Array(131_073));
    const large = await readSignerFile(join(folder, 'large.p12'), join(folder, 'none.txt'));
    expect(large).toMatchObject({ fault: { code: 'signer-file-unreadable', detail: { reason: 'it is too large' } } });
  });
});
