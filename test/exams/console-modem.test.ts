/** The shipped profile for Nordic modems against a modem that answers as the vendor's reference says. */
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { openPty, openSerialPort } from '../../src-main/lib/serial/index.ts';
import { checkCsr } from '../../src-main/lib/x509/csr.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import type { UnitDriver } from '../../src-main/station/bench/ports.ts';
import { verdictOf } from '../../src-main/station/bench/faults.ts';
import { createConsoleDriver } from '../../src-main/station/drivers/console/console-driver.ts';
import { checkProfile } from '../../src-main/station/drivers/console/profile.ts';
import nordic from '../../resources/devices/nordic-nrf91.json' with { type: 'json' };
import { derSequence } from './link-device.ts';
import { pacedClock } from '../flows/support/paced-clock.ts';
import { type ModemFaults, type ScriptedModem, scriptedModem } from './scripted-modem.ts';

const profile = must(checkProfile(nordic));
const never = new AbortController().signal;
const [firstTag = '', secondTag = ''] = profile.slots?.names ?? [];
const leaf = derSequence(400, 7);
const root = derSequence(300, 9);
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function driverOver(stream: ByteStream, clock = systemClock): UnitDriver {
  const driver = createConsoleDriver(stream, profile, { clock, trustedRoots: [root] });
  ends.push(() => driver.close());
  return driver;
}

function inMemory(faults: ModemFaults, modem = scriptedModem(), clock = systemClock) {
  const { near, far } = streamPair();
  modem.serve(far, faults);
  return { modem, driver: driverOver(near, clock) };
}

async function onPty(faults: ModemFaults, modem = scriptedModem()) {
  const pty = must(await openPty({}, systemClock));
  ends.push(() => pty.stream.close());
  modem.serve(pty.stream, faults);
  const near = must(await openSerialPort({ path: pty.path }, { clock: systemClock, log: silentLog }));
  return { modem, driver: driverOver(near) };
}

async function requested(driver: UnitDriver): Promise<Uint8Array> {
  must(await driver.connect(never));
  must(await driver.facts());
  must(await driver.generateKey('id-1', 'p256'));
  return must(await driver.createCsr('id-1-csr', 'unit-1'));
}

async function provisioned(driver: UnitDriver): Promise<void> {
  await requested(driver);
  must(await driver.writeCertificates('id-2', [leaf]));
  expect(must(await driver.readCertificates())).toEqual([leaf]);
  must((await driver.retire?.('id-3', [leaf])) ?? { ok: true, value: undefined });
}

const held = (modem: ScriptedModem, tag: string): string[] => [...(modem.tags.get(tag)?.keys() ?? [])].toSorted();

describe('a Nordic modem on a pseudo-terminal', () => {
  it.each([
    ['quiet', {}],
    ['that echoes, and speaks unasked', { echo: true, noise: '%XMODEMSLEEP: 1,0' }],
    ['with blanks in its lists', { blanks: true }],
  ] as const)('gets a credential of a key that it made itself (%s)', async (_name, faults) => {
    const { modem, driver } = await onPty(faults);
    must(await driver.connect(never));
    expect(must(await driver.facts())).toEqual({
      model: 'nRF9160-SICA',
      firmware: 'mfw_nrf9160_1.3.5',
      serialNumber: '352656109480783',
      attestations: ['x509'],
    });
    const csr = await requested(driver);
    expect(must(checkCsr(csr, { expectedCommonName: 'unit-1' })).keyKind).toBe('P-256');
    // A repeat gives the first answer: no second key.
    expect(must(await driver.createCsr('id-1-csr', 'unit-1'))).toEqual(csr);
    must(await driver.writeCertificates('id-2', [leaf]));
    expect(must(await driver.readCertificates())).toEqual([leaf]);
    expect(held(modem, firstTag)).toEqual(['0', '1', '2']);
    expect(modem.tags.get(firstTag)?.get('1')).toBe(certificatesToPem([leaf]));
    // Offline before the first write.
    expect(modem.heard.indexOf('AT+CFUN=4')).toBeLessThan(modem.heard.findIndex((one) => one.startsWith('AT%KEYGEN')));
    expect(driver.capabilities).toEqual({
      ...{ settings: false, certificates: true, serialNumber: true },
      shows: { request: false, certificates: false },
    });
  });
});

describe('the places for credentials', () => {
  it('take turns: the old credential goes only after the new one was compared', async () => {
    const { modem, driver } = inMemory({});
    for (const type of ['0', '1', '2']) modem.put(firstTag, type, `old ${type}`);
    await requested(driver);
    must(await driver.writeCertificates('id-2', [leaf]));
    const before = [...modem.heard];
    expect(must(await driver.readCertificates())).toEqual([leaf]);
    expect(before.filter((one) => one.startsWith('AT%CMNG=3'))).toEqual([]);
    expect(held(modem, firstTag)).toEqual(['0', '1', '2']);
    must((await driver.retire?.('id-3', [leaf])) ?? { ok: true, value: undefined });
    expect([held(modem, firstTag), held(modem, secondTag)]).toEqual([[], ['0', '1', '2']]);
  });

  it('always hold a whole credential, wherever the run of a unit that had one is cut, and the next run ends it', async () => {
    const whole = scriptedModem();
    for (const type of ['0', '1', '2']) whole.put(firstTag, type, `old ${type}`);
    await provisioned(inMemory({}, whole).driver);
    const commands = whole.heard.length;
    expect(commands).toBeGreaterThan(12);
    for (let diesAt = 1; diesAt <= commands; diesAt += 1) {
      const clock = pacedClock();
      clock.setPace(2_000);
      const modem = scriptedModem();
      for (const type of ['0', '1', '2']) modem.put(firstTag, type, `old ${type}`);
      await provisioned(inMemory({ diesAt }, modem, clock).driver).catch(() => undefined);
      const full = [firstTag, secondTag].filter(
        (tag) => modem.tags.get(tag)?.has('1') && modem.tags.get(tag)?.has('2'),
      );
      expect(full.length, `cut at ${diesAt}`).toBeGreaterThan(0);
      if (full.length === 2) continue;
      await provisioned(inMemory({}, modem, clock).driver);
      expect([firstTag, secondTag].filter((tag) => modem.tags.get(tag)?.has('1')).length).toBe(1);
    }
  }, 60_000);

  it('are told to be full when every one holds a credential, and nothing is deleted', async () => {
    const { modem, driver } = inMemory({});
    for (const tag of [firstTag, secondTag]) for (const type of ['1', '2']) modem.put(tag, type, 'x');
    must(await driver.connect(never));
    expect(await driver.generateKey('id', 'p256')).toMatchObject({ fault: { code: 'console-slots-full' } });
    expect(modem.heard.filter((one) => /CMNG=[03]|KEYGEN/.test(one))).toEqual([]);
  });
});

describe('what a modem can answer otherwise', () => {
  it('is told in words, with its next action, and blamed on whom it is due', async () => {
    const cases: readonly [ModemFaults, string, 'fail' | 'error'][] = [
      [{ staysOnline: true }, 'it is online', 'error'],
      [{ refusesWrites: '+CME ERROR: 515' }, 'memory is full', 'fail'],
      [{ refusesWrites: '+CME ERROR: 527' }, 'not one that it takes', 'error'],
      [{ refusesWrites: '+CME ERROR: 99' }, '+CME ERROR: 99', 'error'],
      [{ refusesWrites: 'ERROR' }, 'ERROR', 'error'],
    ];
    for (const [faults, words, verdict] of cases) {
      const { driver } = inMemory(faults);
      must(await driver.connect(never));
      must(await driver.facts());
      const key = await driver.generateKey('id', 'p256');
      const csr = key.ok ? await driver.createCsr('id-csr', 'unit-1') : key;
      const ended = csr.ok ? await driver.writeCertificates('id-2', [leaf]) : csr;
      expect(ended.ok, words).toBe(false);
      if (ended.ok) continue;
      expect(ended.fault.say).toContain(words);
      expect(ended.fault.hint).not.toBe('');
      expect(driver.wasAnswered(ended.fault)).toBe(true);
      expect(verdictOf(ended.fault)).toBe(verdict);
    }
  });

  it('is a failed unit when it holds other bytes than were written', async () => {
    const { driver } = inMemory({ damagesWrites: true });
    await requested(driver);
    must(await driver.writeCertificates('id-2', [leaf]));
    const read = await driver.readCertificates();
    expect(read).toMatchObject({ ok: false, fault: { code: 'console-write-differs' } });
    expect(!read.ok && verdictOf(read.fault)).toBe('fail');
  });

  it('is waited for while it makes its key, and given up when it never answers', async () => {
    const clock = pacedClock();
    let release = (): void => undefined;
    const keyWait = new Promise<void>((resolve) => (release = resolve));
    const slow = inMemory({ keyWait }, scriptedModem(), clock);
    must(await slow.driver.connect(never));
    must(await slow.driver.generateKey('id', 'p256'));
    clock.setPace(1_000);
    const csr = slow.driver.createCsr('id-csr', 'unit-1');
    clock.after(30_000, release);
    expect((await csr).ok).toBe(true);
    const dead = inMemory({ diesAt: 1 }, scriptedModem(), clock);
    expect(await dead.driver.connect(never)).toMatchObject({ ok: false, fault: { code: 'console-silent' } });
    // Which certificate it holds, it does not tell; that it holds none, it does.
    const blank = inMemory({});
    must(await blank.driver.connect(never));
    expect(must(await blank.driver.readCertificates())).toEqual([]);
    blank.modem.put(firstTag, '1', 'another');
    expect(await blank.driver.readCertificates()).toMatchObject({ fault: { code: 'console-unreadable' } });
  });
});
