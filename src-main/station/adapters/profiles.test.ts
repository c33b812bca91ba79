import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AdapterProfile, adapterProfiles, openingOf, profileOf, unknownAdapter } from './profiles.ts';

const folder = join(import.meta.dirname, '../../../resources/adapters');
const overrides = { stationBaudRate: undefined, slot: {}, batchBaudRate: undefined };
const usb = (vendorId: string, productId: string) => ({ path: '/dev/ttyUSB0', name: 'adapter', vendorId, productId });

describe('the adapter profiles', () => {
  it('are all read: every file of the folder keeps the schema and is in use', () => {
    const names = readdirSync(folder).map((file) => {
      const profile = AdapterProfile.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
      return profile.name;
    });
    expect(names.sort()).toEqual([...adapterProfiles, unknownAdapter].map(({ name }) => name).sort());
  });

  it('name each adapter once', () => {
    const ids = adapterProfiles.flatMap(({ usb: all }) =>
      all.flatMap(({ vendorId, productIds }) => productIds.map((productId) => `${vendorId}:${productId}`)),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(['0403:6001', '0403:6010', '0403:6011', '0403:6015', '10c4:ea60']));
    expect(ids).toEqual(
      expect.arrayContaining(['1a86:7523', '1a86:55d4', '067b:2303', '0483:374b', '1366:1051', '303a:1001']),
    );
  });

  it('refuse what is no profile', () => {
    const [first] = adapterProfiles;
    expect(AdapterProfile.safeParse({ ...first, baudRate: 7 }).success).toBe(false);
    expect(AdapterProfile.safeParse({ ...first, source: '' }).success).toBe(false);
    expect(AdapterProfile.safeParse({ ...first, colour: 'red' }).success).toBe(false);
  });

  it('open an ESP32 board with both lines down, an FTDI with short waits, and the unknown as the system would', () => {
    const port = '/dev/ttyUSB0';
    expect(openingOf(port, usb('10c4', 'ea60'), overrides)).toEqual({
      path: port,
      baudRate: 115_200,
      dtr: false,
      rts: false,
      hangUpOnClose: false,
    });
    expect(openingOf(port, usb('0403', '6001'), overrides)).toMatchObject({ dtr: true, rts: true, lowLatency: true });
    expect(profileOf(usb('dead', 'beef'))).toBe(unknownAdapter);
    expect(openingOf(port, undefined, overrides)).toEqual({
      path: port,
      baudRate: 115_200,
      dtr: true,
      rts: true,
      hangUpOnClose: true,
    });
  });

  it('give way to the speed of the station, the slot, then the batch; a slot may hold the lines down', () => {
    const rate = (more: Partial<typeof overrides> & { slot?: { baudRate?: number } }) =>
      openingOf('/dev/a', undefined, { ...overrides, ...more }).baudRate;
    const stationBaudRate = 9_600 as never;
    expect(rate({ stationBaudRate })).toBe(9_600);
    expect(rate({ stationBaudRate, slot: { baudRate: 57_600 } })).toBe(57_600);
    expect(rate({ stationBaudRate, slot: { baudRate: 57_600 }, batchBaudRate: 921_600 as never })).toBe(921_600);
    const held = openingOf('/dev/a', usb('067b', '2303'), { ...overrides, slot: { linesDown: true } });
    expect(held).toMatchObject({ dtr: false, rts: false, hangUpOnClose: false });
  });
});
