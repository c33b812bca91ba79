/**
 * A board as systemd would run it: the command of the unit file, swtpm behind a character device (a terminal, in front of
 * its socket) as its TPM, and a line of two pseudo-terminals. From nothing plugged in to Seen in a hub.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { type LoopbackBlock, claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { openPty } from '../../src-main/lib/serial/index.ts';
import type { RunView, SlotView } from '../../src-main/contract/views.ts';
import { type StationClient, startStation } from '../../src-main/cli/station-client.ts';
import { labTerms } from './support/bench-lab.ts';
import { boardCommand } from './support/board-unit.ts';
import { eventually } from './support/station-bed.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
let block: LoopbackBlock;
let station: StationClient;
let mqttsPort: number;
const children: ChildProcess[] = [];
const said: string[] = [];
const printed = (): string => said.slice(-60).join('\n');
const at = (name: string): string => join(folder, name);
const isThere = (path: string) =>
  eventually(
    () =>
      access(path).then(
        () => true,
        () => undefined,
      ),
    () => path,
  );

beforeAll(async () => {
  block = must(claimLoopbackBlock());
  folder = await mkdtemp(join(tmpdir(), 'benchline-board-'));
  await mkdir(at('tpm'));
  const words = ['--data', at('station'), '--slot', `1=serial:${at('bench')}`, '--listen', `${block.base}.1`];
  const args = [join(root, 'src-main/station/main.ts'), ...words, '--retry-after', '1', '--hubs', '1'];
  station = startStation({ command: process.execPath, args, onLine: (line) => said.push(line) });
  await eventually(async () => {
    const { target } = must(await station.call('station.get', {}));
    return target.state === 'online' || target.state === 'draining' ? true : undefined;
  }, printed);
  const ready = await readFile(at('station/service/ready.json'), 'utf8');
  mqttsPort = (JSON.parse(ready) as { ports: { mqtts: number } }).ports.mqtts;
  const terms = { ...labTerms, attestation: 'tpm' as const, serialPattern: 'SN-[0-9]{4}' };
  must(await station.call('batch.open', { terms }));
}, 60_000);

afterAll(async () => {
  await station.stop();
  for (const child of children) child.kill('SIGKILL');
  block.release();
  await rm(folder, { recursive: true, force: true });
});

interface BoardProcess {
  readonly log: string[];
  readonly child: ChildProcess;
  kill(): Promise<void>;
}

/** What systemd does: ExecStart with the settings of agent.env, these changed. */
function powerOn(): BoardProcess {
  const env = {
    BENCHLINE_PORT: `serial:${at('board')}`,
    BENCHLINE_TPM: `device:${at('tpmrm0')}`,
    BENCHLINE_MQTTS_PORT: String(mqttsPort),
  };
  const [, ...args] = boardCommand({ state: folder, root, env });
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  const log: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(...text.split('\n').filter(Boolean)));
  return {
    log,
    child,
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const logged = ({ log }: BoardProcess, event: string, code = '') =>
  eventually(
    async () => (log.some((line) => line.includes(`"${event}"`) && line.includes(code)) ? true : undefined),
    () => `${event} ${code}\n${log.join('\n')}`,
  );

/** The cable: two pseudo-terminals, joined. */
async function plugIn(): Promise<() => Promise<void>> {
  const board = must(await openPty({ linkPath: at('board') }, systemClock));
  const bench = must(await openPty({ linkPath: at('bench') }, systemClock));
  board.stream.onData((bytes) => void bench.stream.write(bytes));
  bench.stream.onData((bytes) => void board.stream.write(bytes));
  return async () => {
    await Promise.all([board.close(), bench.close()]);
  };
}

async function insertTpm(): Promise<void> {
  const state = ['socket', '--tpm2', '--tpmstate', `dir=${at('tpm')}`, '--flags', 'not-need-init,startup-clear'];
  children.push(spawn('swtpm', [...state, '--server', `type=unixio,path=${at('tpm.sock')}`], { stdio: 'ignore' }));
  await isThere(at('tpm.sock'));
}

/** The device node. A resource manager drops the answer for a process that is gone: a terminal would keep it for the next one. */
async function openNode(): Promise<() => Promise<void>> {
  const ends = [`PTY,link=${at('tpmrm0')},raw,echo=0`, `UNIX-CONNECT:${at('tpm.sock')}`];
  const socat = spawn('socat', ends, { stdio: 'ignore' });
  children.push(socat);
  await isThere(at('tpmrm0'));
  return async () => {
    const ended = once(socat, 'exit');
    socat.kill('SIGTERM');
    await ended;
    await rm(at('tpmrm0'), { force: true });
  };
}

const slotOne = async (): Promise<SlotView> => must(await station.call('bench.get', {})).slots[0]!;

async function scan(): Promise<string> {
  await eventually(async () => ((await slotOne()).port.state === 'ready' ? true : undefined), printed);
  return must(await station.call('bench.scan', { text: 'SN-0001', slot: 1 })).run?.runId ?? '';
}

const verdict = (runId: string): Promise<RunView> =>
  eventually(async () => {
    const { run } = await slotOne();
    return run?.runId === runId && run.state !== 'working' ? run : undefined;
  }, printed);

const stateOf = async (): Promise<string | undefined> =>
  must(await station.call('unit.list', { search: 'SN-0001', limit: 5 })).items[0]?.state;

describe('a board that runs the command of the unit file', () => {
  let board: BoardProcess;
  let pull: () => Promise<void>;

  it('waits for its line and its TPM, and says in words what is missing', async () => {
    board = powerOn();
    await logged(board, 'port-waited-for', 'port-missing');
    await logged(board, 'tpm-waited-for', 'tpm-device-missing');
    pull = await plugIn();
    await logged(board, 'port-open');
    const run = await verdict(await scan());
    expect(run).toMatchObject({ state: 'error', fault: { code: 'device-refused' } });
    expect(run.fault?.say).toContain('There is no TPM at');
  });

  it('is reached again when its cable was pulled and is back', async () => {
    await pull();
    await logged(board, 'port-lost');
    await eventually(async () => ((await slotOne()).port.state === 'empty' ? true : undefined), printed);
    board.log.length = 0;
    pull = await plugIn();
    await logged(board, 'port-open');
    expect((await verdict(await scan())).fault?.code).toBe('device-refused');
  });

  it('passes once its TPM is there, also after it was killed in the middle', async () => {
    await insertTpm();
    const closeNode = await openNode();
    const runId = await scan();
    await eventually(async () => {
      const { run } = await slotOne();
      const phase = run?.phases.find(({ state }) => state === 'doing')?.phase;
      return phase === 'prove' || run?.state !== 'working' ? true : undefined;
    }, printed);
    await board.kill();
    await closeNode();
    await openNode();
    // As `Restart=always` does.
    board = powerOn();
    const killed = await verdict(runId);
    await logged(board, 'port-open');
    const run = killed.state === 'pass' ? killed : await verdict(await scan());
    expect(run).toMatchObject({ state: 'pass', attestation: 'tpm' });
  }, 90_000);

  it('registers when it gets power after it was enrolled, and is seen in its hub', async () => {
    await eventually(async () => ((await stateOf()) === 'enrolled' ? true : undefined), printed);
    await board.kill();
    board = powerOn();
    await logged(board, 'connected');
    await eventually(async () => ((await stateOf()) === 'seen' ? true : undefined), printed);
    expect(board.log.join('\n')).not.toContain('error');
  }, 90_000);
});
