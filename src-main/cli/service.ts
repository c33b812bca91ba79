/** `benchline service`: without a word it runs the service with its hubs; with one it asks a running service. */
import { resolve } from 'node:path';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { tlsKeyKinds, type TlsKeyKind } from '../lib/x509/tls-authority.ts';
import { ipAddress, parseOptions, wholeNumber, type ParsedOptions } from './options.ts';
import { chosenCall, type CallAnswer, type ChosenCall } from './service-call.ts';
import { serviceCalls } from './service-calls.ts';
import { callOptions, everyCallFlags, ownFlags, type CallOption } from './service-options.ts';
import { defaultAddress, type Ports } from './service-place.ts';
import { runService, type ServiceRunOptions } from './service-run.ts';
import { pageOf } from './service-pages.ts';
import { openTarget, plainSecretsIn, readyFileIn, targetOptions } from './service-target.ts';
import { cliFault, exitCodes, failWith, type Output, type Verb } from './verb.ts';

const runOptions = [
  'data',
  'ready-file',
  'listen',
  'hub-listen',
  'https',
  'mqtts',
  'amqps',
  'hubs',
  'retry-after',
  'tls-key',
  'hub-names',
  'hub-faults',
  'hub-ca-file',
] as const;
type RunOption = (typeof runOptions)[number];

const defaultHubs = 2;
const maxHubs = 50; // dps-wire section 8.4
const defaultRetryAfterS = 3; // what the real service says (dps-wire section 1.6)

const usage = [
  'benchline service --data DIR [--ready-file FILE] [--listen ADDR] [--hub-listen ADDR] [--hubs N]',
  '                  [--https N --mqtts N --amqps N] [--retry-after SECONDS] [--tls-key rsa|p256]',
  '                  [--hub-names A,B] [--hub-faults 1=down,2=slow:500] [--hub-ca-file FILE]',
  `  runs the provisioning service with its virtual hubs, on ${defaultAddress} unless told otherwise`,
  '',
  'benchline service WORD ... (--data DIR | --ready-file FILE | --connection-string-file FILE --ca FILE) [--json]',
  ...Object.values(serviceCalls).map((call) => `  ${call.usage}`),
  '',
  'benchline service WORD --help says more of it.',
].join('\n');

export const serviceVerb: Verb = {
  name: 'service',
  summary: 'the provisioning service with its virtual hubs; and what can be asked of it',
  usage,
  async run(args, output) {
    const [word, ...rest] = args;
    if (args.includes('--help')) {
      const call = word !== undefined && Object.hasOwn(serviceCalls, word) ? serviceCalls[word] : undefined;
      output.say(word === undefined || call === undefined ? usage : pageOf(word, call));
      return exitCodes.done;
    }
    if (word === undefined || word.startsWith('-')) return start(args, output);
    return ask(word, rest, output);
  },
};

async function start(args: readonly string[], output: Output): Promise<number> {
  const parsed = parseOptions<RunOption>(args, runOptions);
  const options = parsed.ok ? runOptionsOf(parsed.value) : parsed;
  return options.ok ? runService(options.value, output) : failWith(options.fault, output);
}

function runOptionsOf({ values, words }: ParsedOptions<RunOption>): Result<ServiceRunOptions> {
  if (words[0] !== undefined)
    return failed(cliFault('option-unknown', { reason: `The word ${words[0]} belongs to no option.` }));
  if (values.data === undefined) return failed(cliFault('option-missing', { option: '--data' }));
  const ports = portsOf(values);
  if (!ports.ok) return ports;
  const hubs = wholeNumber('hubs', values.hubs, { from: 1, to: maxHubs });
  if (!hubs.ok) return hubs;
  const retryAfter = wholeNumber('retry-after', values['retry-after'], { from: 1, to: 300 });
  if (!retryAfter.ok) return retryAfter;
  const listen = ipAddress('listen', values.listen);
  if (!listen.ok) return listen;
  const hubListen = ipAddress('hub-listen', values['hub-listen']);
  if (!hubListen.ok) return hubListen;
  const tlsKey = tlsKeyOf(values['tls-key']);
  if (!tlsKey.ok) return tlsKey;
  const dataFolder = resolve(values.data);
  return ok({
    dataFolder,
    readyFile: resolve(values['ready-file'] ?? readyFileIn(dataFolder)),
    listen: listen.value,
    hubListen: hubListen.value,
    ports: ports.value,
    hubs: hubs.value ?? defaultHubs,
    retryAfterS: retryAfter.value ?? defaultRetryAfterS,
    tlsKey: tlsKey.value,
    hubNames: values['hub-names'],
    hubFaults: values['hub-faults'],
    hubCaFile: values['hub-ca-file'],
  });
}

function tlsKeyOf(value = 'rsa'): Result<TlsKeyKind> {
  const tlsKey = tlsKeyKinds.find((kind) => kind === value);
  if (tlsKey !== undefined) return ok(tlsKey);
  return failed(cliFault('option-wrong', { option: '--tls-key', value, wanted: 'rsa or p256' }));
}

function portsOf(values: Readonly<Partial<Record<RunOption, string>>>): Result<Partial<Ports>> {
  const ports: { -readonly [Name in keyof Ports]?: number } = {};
  for (const name of ['https', 'mqtts', 'amqps'] as const) {
    const port = wholeNumber(name, values[name], { from: 1, to: 65_535 });
    if (!port.ok) return port;
    if (port.value !== undefined) ports[name] = port.value;
  }
  return ok(ports);
}

async function ask(name: string, args: readonly string[], output: Output): Promise<number> {
  const call = Object.hasOwn(serviceCalls, name) ? serviceCalls[name] : undefined;
  if (call === undefined) return failWith(cliFault('verb-unknown', { verb: `service ${name}` }), output);
  const flags = [...everyCallFlags, ...ownFlags];
  const parsed = parseOptions<CallOption>(args, [...targetOptions, ...callOptions], flags);
  if (!parsed.ok) return failWith(parsed.fault, output, args.includes('--json'));
  const asJson = parsed.value.flags.has('json');
  const chosen = chosenCall(name, call, parsed.value);
  const answer = chosen.ok ? await answerOf(chosen.value, output) : chosen;
  if (!answer.ok) return failWith(answer.fault, output, asJson);
  if (asJson) output.json(answer.value.json);
  else output.say(answer.value.lines.join('\n'));
  return exitCodes.done;
}

async function answerOf({ action, parsed }: ChosenCall, output: Output): Promise<Result<CallAnswer>> {
  const warn = (text: string): void => {
    output.warn(text);
  };
  for (const option of plainSecretsIn(parsed.values)) {
    warn(`Every user of this machine can read --${option}: name a file instead, by --connection-string-file FILE.`);
  }
  if ('ofHub' in action) return action.run({ ...parsed, warn });
  const { 'connection-string': _plain, 'connection-string-file': _file, ...others } = parsed.values;
  const target = await openTarget(action.takesHubString === true ? others : parsed.values);
  if (!target.ok) return target;
  const answer = await action.run({ ...parsed, warn, target: target.value });
  target.value.close();
  const file = target.value.readyFile;
  if (answer.ok || answer.fault.code !== 'peer-offline' || file === undefined) return answer;
  // a service that was killed leaves its ready file behind
  return failed(cliFault('service-not-running', { file }));
}
