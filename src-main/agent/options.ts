/** The agent's command line. */
import { parseArgs } from 'node:util';
import { failed, ok } from '../lib/base/result.ts';
import { optionReason } from '../lib/process/start-refusal.ts';
import type { Result } from '../lib/base/result.ts';
import { attestationKinds } from '../lib/link/types.ts';
import type { AttestationKind } from '../lib/link/types.ts';
import { keyAlgorithms } from '../lib/x509/types.ts';
import type { KeyAlgorithm } from '../lib/x509/types.ts';
import { agentFault } from './faults.ts';
import { parsePlantedFaults } from './planted-faults.ts';
import type { PlantedFaults } from './planted-faults.ts';

export type PortChoice =
  | { readonly at: 'pty'; readonly linkPath: string | undefined }
  | { readonly at: 'tcp'; readonly host: string; readonly port: number }
  | { readonly at: 'serial'; readonly path: string };

export type TpmSource =
  { readonly at: 'swtpm' } | { readonly at: 'software' } | { readonly at: 'device'; readonly path: string };

export interface AgentOptions {
  readonly port: PortChoice;
  readonly attestation: AttestationKind;
  /** What it speaks with a station; the tunnel only forwards to its TPM (docs/tpm-tunnel.md). */
  readonly protocol: (typeof protocols)[number];
  /** Looked at for TPM attestation alone. */
  readonly tpm: TpmSource;
  readonly stateFolder: string;
  readonly serialNumber: string;
  /** PEM of what the firmware trusts; settings may add to it. */
  readonly caFile: string | undefined;
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  readonly mqttsPort: number;
  readonly readyFile: string | undefined;
  readonly faults: PlantedFaults;
}

const protocols = ['bench-link', 'tpm-tunnel'] as const;

const words = {
  port: { type: 'string' },
  attestation: { type: 'string' },
  protocol: { type: 'string', default: 'bench-link' },
  tpm: { type: 'string', default: 'swtpm' },
  state: { type: 'string' },
  'serial-number': { type: 'string' },
  ca: { type: 'string' },
  key: { type: 'string' },
  'mqtts-port': { type: 'string', default: '8883' },
  'ready-file': { type: 'string' },
  fault: { type: 'string', multiple: true, default: [] as string[] },
  'fault-seed': { type: 'string' },
} as const;

/** What a device of ours makes unless it is told one kind. */
const usualKeys: readonly KeyAlgorithm[] = ['p256', 'p384', 'rsa2048'];

export function parseAgentOptions(args: readonly string[]): Result<AgentOptions> {
  const given = readWords(args);
  if (!given.ok) return given;
  const values = given.value;
  const state = values.state;
  const serialNumber = values['serial-number'];
  if (state === undefined) return missing('state', '--state DIR');
  if (serialNumber === undefined) return missing('serial-number', '--serial-number SN');
  const port = parsePort(values.port);
  if (!port.ok) return port;
  const attestation = attestationKinds.find((kind) => kind === values.attestation);
  if (attestation === undefined) return wrong('attestation', values.attestation, 'tpm or x509');
  const protocol = parseProtocol(values.protocol, attestation);
  if (!protocol.ok) return protocol;
  const tpm = parseTpm(values.tpm);
  if (!tpm.ok) return tpm;
  const keys = parseKeys(values.key);
  if (!keys.ok) return keys;
  const mqttsPort = portNumber(values['mqtts-port']);
  if (mqttsPort === undefined) return wrong('mqtts-port', values['mqtts-port'], 'a port from 1 to 65535');
  const faults = parsePlantedFaults(values.fault);
  if (!faults.ok) return faults;
  const seed = parseSeed(values['fault-seed']);
  if (!seed.ok) return seed;
  return ok({
    port: port.value,
    attestation,
    protocol: protocol.value,
    tpm: tpm.value,
    stateFolder: state,
    serialNumber,
    caFile: values.ca,
    keyAlgorithms: keys.value,
    mqttsPort,
    readyFile: values['ready-file'],
    faults: { ...faults.value, ...seed.value },
  });
}

function readWords(args: readonly string[]) {
  try {
    return ok(parseArgs({ args: [...args], options: words, strict: true }).values);
  } catch (error) {
    return failed(agentFault('agent-option-unknown', { reason: optionReason(error) }));
  }
}

const portForms = 'pty, pty:SYMLINK, tcp:HOST:PORT or serial:PATH';

function parsePort(text: string | undefined): Result<PortChoice> {
  if (text === undefined) return missing('port', `--port ${portForms}`);
  if (text === 'pty') return ok({ at: 'pty', linkPath: undefined });
  const [, kind, rest = ''] = /^(pty|tcp|serial):(.+)$/.exec(text) ?? [];
  if (kind === 'pty') return ok({ at: 'pty', linkPath: rest });
  if (kind === 'serial') return ok({ at: 'serial', path: rest });
  const [, host, portText] = /^(.+):(\d{1,5})$/.exec(rest) ?? [];
  // 0 takes a free port; the ready file tells which.
  const port = portText === '0' ? 0 : portNumber(portText);
  if (kind !== 'tcp' || host === undefined || port === undefined) return wrong('port', text, portForms);
  return ok({ at: 'tcp', host: host.replace(/^\[(.*)\]$/, '$1'), port });
}

function parseProtocol(text: string, attestation: AttestationKind): Result<AgentOptions['protocol']> {
  const protocol = protocols.find((one) => one === text);
  const fits = protocol !== undefined && (protocol === 'bench-link' || attestation === 'tpm');
  return fits ? ok(protocol) : wrong('protocol', text, 'bench-link, or with a TPM tpm-tunnel');
}

function parseTpm(text: string): Result<TpmSource> {
  if (text === 'swtpm' || text === 'software') return ok({ at: text });
  const path = text.startsWith('device:') ? text.slice('device:'.length) : '';
  return path === '' ? wrong('tpm', text, 'swtpm, software or device:PATH') : ok({ at: 'device', path });
}

function parseKeys(text: string | undefined): Result<readonly KeyAlgorithm[]> {
  if (text === undefined) return ok(usualKeys);
  const algorithm = keyAlgorithms.find((known) => known === text);
  return algorithm === undefined ? wrong('key', text, `one of ${keyAlgorithms.join(', ')}`) : ok([algorithm]);
}

function parseSeed(text: string | undefined): Result<{ readonly seed?: number }> {
  if (text === undefined) return ok({});
  // More seeds than anybody will try.
  return /^\d{1,9}$/.test(text)
    ? ok({ seed: Number(text) })
    : wrong('fault-seed', text, 'a number of at most 9 digits');
}

function portNumber(text: string | undefined): number | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

function missing(option: string, example: string): Result<never> {
  return failed(agentFault('agent-option-missing', { option, example }));
}

function wrong(option: string, value: string | undefined, wanted: string): Result<never> {
  return failed(agentFault('agent-option-wrong', { option, value: value ?? 'left out', wanted }));
}
