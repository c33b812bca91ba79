/** Lines as a program of their own: their timers and copies are no load of who is measured. See README.md. */
import { utf8 } from '../../src-main/lib/base/bytes.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ProxyOptions } from './proxy.ts';
import { openPtyProxy } from './pty-proxy.ts';

interface Line {
  /** The unit's port, or `tcp:HOST:PORT`. */
  readonly unit: string;
  readonly station?: string;
  readonly options: Omit<ProxyOptions, 'boot'> & {
    readonly boot?: { readonly noise: string; readonly deafMs: number };
  };
}

// Node cuts a timer's fraction off: fired early it would cost a second one, and its bytes come in two pieces. Late is credited.
const clock: Clock = { ...systemClock, after: (ms, fire) => systemClock.after(Math.ceil(ms), fire) };
const { lines } = JSON.parse(process.argv[2] ?? '{"lines":[]}') as { readonly lines: readonly Line[] };
const open = await Promise.all(
  lines.map(async ({ unit, station, options }) => {
    const places = { unitPath: unit, ...(station === undefined ? {} : { linkPath: station }) };
    const { boot, ...rest } = options;
    const noise = boot === undefined ? {} : { boot: { ...boot, noise: utf8(boot.noise) } };
    return must(await openPtyProxy(places, { ...rest, ...noise }, clock));
  }),
);
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
say({ ready: open.map(({ path }) => path) });
process.stdin.resume();
process.stdin.once('end', () => {
  say({ counts: open.map((line) => line.counts()) });
  void Promise.all(open.map((line) => line.close())).then(() => process.exit(0));
});
