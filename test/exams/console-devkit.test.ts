/** The shipped profile for the MXChip IoT DevKit against a DevKit that answers as its documentation says. */
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import { openPty, openSerialPort } from '../../src-main/lib/serial/index.ts';
import { verdictOf } from '../../src-main/station/bench/faults.ts';
import { createConsoleDriver } from '../../src-main/station/drivers/console/console-driver.ts';
import { checkProfile } from '../../src-main/station/drivers/console/profile.ts';
import { createDeviceProfiles } from '../../src-main/station/drivers/device-profiles.ts';
import mxchip from '../../resources/devices/mxchip-az3166.json' with { type: 'json' };
import { pacedClock } from '../flows/support/paced-clock.ts';
import { type DevkitFaults, scriptedDevkit } from './scripted-devkit.ts';

const never = new AbortController().signal;
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function devkit(faults: DevkitFaults, values: Record<string, string> = {}) {
  const clock = pacedClock();
  clock.setPace(50);
  const { near, far } = streamPair();
  const kept = scriptedDevkit(far, faults);
  // The network of the hall, with a writing step so that the profile's preparation has an occasion.
  const steps = {
    ...mxchip.steps,
    writeSettings: [{ send: 'help', until: '- set_dps_uds: {about:text}' }],
    readSettings: mxchip.steps.identify,
  };
  const profile = must(checkProfile({ ...mxchip, steps, values: { ...mxchip.values, ...values } }));
  const driver = createConsoleDriver(near, profile, { clock, trustedRoots: [] });
  ends.push(() => driver.close());
  return { driver, kept };
}

const settings = { registrationId: 'r', idScope: 's', endpoint: 'e' };

describe('a DevKit in configuration mode', () => {
  it('says what it is over a pseudo-terminal, echo and prompt and all', async () => {
    const pty = must(await openPty({}, systemClock));
    scriptedDevkit(pty.stream);
    const near = must(await openSerialPort({ path: pty.path }, { clock: systemClock, log: silentLog }));
    const driver = createConsoleDriver(near, must(checkProfile(mxchip)), { clock: systemClock, trustedRoots: [] });
    ends.push(
      () => pty.stream.close(),
      () => driver.close(),
    );
    must(await driver.connect(never));
    expect(must(await driver.facts())).toEqual({ model: 'MXChip AZ3166', firmware: '2.0.0', attestations: [] });
    expect(driver.capabilities).toMatchObject({ settings: false, certificates: false, serialNumber: false });
    expect(await driver.createCsr('id', 'unit-1')).toMatchObject({ fault: { code: 'unit-unable' } });
    must(await driver.boot('id'));
  });

  it('gets the network of the hall, in pieces that its line can take, and shows no secret', async () => {
    const ssid = 'Hall 7';
    const password = 'a quiet place for machines '.repeat(2);
    const { driver, kept } = devkit({}, { wifiSsid: ssid, wifiPassword: password });
    must(await driver.connect(never));
    must(await driver.writeSettings('id', settings));
    expect([...kept]).toEqual([
      ['set_wifissid', ssid],
      ['set_wifipwd', password],
    ]);
  });

  it('is found out when its memory fails, when a value is too long, and when its firmware is too old', async () => {
    const cases: readonly [DevkitFaults, Record<string, string>, string, 'fail' | 'error'][] = [
      [{ memoryFails: true }, { wifiSsid: 'Hall 7' }, 'cannot be written', 'fail'],
      [{}, { wifiSsid: 'x'.repeat(40) }, 'Invalid Wi-Fi SSID', 'error'],
    ];
    for (const [faults, values, words, verdict] of cases) {
      const { driver } = devkit(faults, values);
      must(await driver.connect(never));
      const written = await driver.writeSettings('id', settings);
      expect(!written.ok && written.fault.say).toContain(words);
      expect(!written.ok && verdictOf(written.fault)).toBe(verdict);
    }
    const old = devkit({ isOld: true });
    must(await old.driver.connect(never));
    expect(await old.driver.facts()).toMatchObject({ fault: { code: 'console-refused' } });
  });

  it('is told how it gets into configuration mode when it is not there', async () => {
    const { driver } = devkit({ runsSketch: true });
    const connected = await driver.connect(never);
    expect(connected).toMatchObject({ ok: false, fault: { code: 'console-silent' } });
    expect(!connected.ok && connected.fault.hint).toContain('button A');
  });

  it('is no unit of any batch: nothing that it can do proves which one it is', () => {
    const profiles = createDeviceProfiles();
    for (const attestation of ['tpm', 'x509', 'mixed'] as const) {
      const fits = profiles.check({ deviceProfile: 'mxchip-az3166', attestation });
      expect(fits).toMatchObject({ ok: false, fault: { code: 'profile-unfit' } });
    }
  });
});
