/**
 * A DevKit in configuration mode as its documentation and its published console describe it: it echoes each character,
 * secrets as asterisks, knows arguments in quotes, and ends each answer with its prompt.
 */
import { fromUtf8, utf8 } from '../../src-main/lib/base/bytes.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';

export interface DevkitFaults {
  /** It was not told by its button to enter the configuration mode: it runs its sketch. */
  readonly runsSketch?: boolean;
  readonly memoryFails?: boolean;
  readonly isOld?: boolean;
}

const banner = '\r\n************************************************\r\n** MXChip - Microsoft IoT Developer Kit **\r\n';
const commands = ['help', 'version', 'exit', 'scan', 'set_wifissid', 'set_wifipwd', 'set_az_iothub', 'set_dps_uds'];
const secret = new Set(['set_wifipwd', 'set_dps_uds']);
/** WIFI_SSID_MAX_LEN and WIFI_PWD_MAX_LEN of the SDK. */
const most: Readonly<Record<string, number>> = { set_wifissid: 32, set_wifipwd: 64 };
const names: Readonly<Record<string, string>> = { set_wifissid: 'Wi-Fi SSID', set_wifipwd: 'Wi-Fi password' };

export function scriptedDevkit(stream: ByteStream, faults: DevkitFaults = {}) {
  const kept = new Map<string, string>();
  let held = '';
  const say = (text: string): void => void stream.write(utf8(text));
  const set = (command: string, value: string): string => {
    if (value === '') return `Usage: ${command} <value>.\r\n`;
    if (value.length + 1 > (most[command] ?? 128)) return `Invalid ${names[command] ?? 'value'}.\r\n`;
    if (faults.memoryFails === true) return 'ERROR: Failed to write EEPROM: 0x03.\r\n';
    kept.set(command, value);
    return `INFO: Set ${names[command] ?? 'value'} successfully.\r\n`;
  };
  const run = (line: string): string => {
    const [, command = '', quoted, bare] = /^(\S+)(?: "([^"]*)"| (\S*))?$/.exec(line.trim()) ?? [];
    if (command === 'help')
      return `Configuration console:\r\n${commands.map((one) => ` - ${one}: About ${one}.\r\n`).join('')}`;
    if (command === 'version' && faults.isOld !== true) {
      return 'DevKitSDK version: 2.0.0\r\nMico version: 31620002.048\r\nmbed-os version: 5.4.0\r\nWIFI version: wl0\r\n';
    }
    if (command === 'exit') return 'Reboot\r\n';
    return command.startsWith('set_') ? set(command, quoted ?? bare ?? '') : `Error:Invalid command: ${command}\r\n`;
  };
  say(banner);
  if (faults.runsSketch !== true) say('# ');
  stream.onData((bytes) => {
    if (faults.runsSketch === true) {
      say('>>> Failed to send telemetry data: Http fault\r\n');
      return;
    }
    for (const character of fromUtf8(bytes) ?? '') {
      if (character === '\r') {
        const line = held;
        held = '';
        if (line.trim() !== '') say(`\r\n${run(line)}`);
        say('\r\n# ');
      } else if (character >= ' ') {
        const [word = ''] = held.split(' ');
        say(held.includes(' ') && secret.has(word) ? '*' : character);
        held += character;
      }
    }
  });
  return kept;
}
