/** Asks the station and hears from it: typed from the contract, with everything that comes in checked. */
import { z } from 'zod';
import { calls, type CallInput, type CallName, type CallValue } from '../../src-main/contract/calls.ts';
import { events, type EventName, type EventPayload } from '../../src-main/contract/events.ts';
import { FaultView } from '../../src-main/contract/messages.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import { failed, ok, type Result } from '../../src-main/lib/base/result.ts';
import { words } from '../words/words.ts';

// The schema compiler of zod would evaluate code it has built, which the content security policy rightly forbids.
z.config({ jitless: true });

/** What the preload exposes; see src-main/electron. */
export interface StationPort {
  call(name: string, payload: unknown): Promise<unknown>;
  listen(listener: (message: unknown) => void): () => void;
}

export type Answer<T> = Result<T, FaultView>;

export interface Client {
  call<Name extends CallName>(name: Name, payload: CallInput<Name>): Promise<Answer<CallValue<Name>>>;
  on<Name extends EventName>(name: Name, hear: (payload: EventPayload<Name>) => void): () => void;
}

const fault = faultMaker(words.bridgeFaults);

/** Faults that mean the station process itself does not answer, whatever was asked. */
export const lostCodes: readonly string[] = ['station-unreachable', 'answer-late', 'station-lost', 'station-down'];

// A report of the largest batch is written in seconds; a station that needs longer for a question is not well.
const answerTimeoutMs = 20_000;
const slowCalls: readonly CallName[] = ['batch.report', 'service.enroll', 'service.linkHub', 'signer.open'];
const slowTimeoutMs = 120_000;

const Envelope = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), fault: FaultView }),
]);
const Heard = z.object({ name: z.string().max(80), payload: z.unknown() });

export function createClient(port: StationPort | undefined, clock: Clock): Client {
  return {
    async call(name, payload) {
      if (port === undefined) return failed(fault('station-unreachable'));
      const input = calls[name].input.safeParse(payload);
      if (!input.success) return failed(fault('input-unreadable', { field: firstPath(input.error) }));
      const answer = await withinTime(ask(port, name, input.data), clock, timeoutMs(name));
      return readAnswer(name, answer);
    },
    on(name, hear) {
      if (port === undefined) return () => undefined;
      return port.listen((message) => {
        const heard = Heard.safeParse(message);
        if (!heard.success || heard.data.name !== name) return;
        const payload = events[name].safeParse(heard.data.payload);
        // An event that cannot be read is dropped: the next one, or the next question, carries the whole view again.
        if (payload.success) hear(payload.data as EventPayload<typeof name>);
      });
    },
  };
}

const timeoutMs = (name: CallName): number => (slowCalls.includes(name) ? slowTimeoutMs : answerTimeoutMs);

async function ask(port: StationPort, name: CallName, payload: unknown): Promise<Answer<unknown>> {
  try {
    const envelope = Envelope.safeParse(await port.call(name, payload));
    if (!envelope.success) return failed(fault('answer-unreadable', { call: name }));
    return envelope.data.ok ? ok(envelope.data.value) : failed(envelope.data.fault);
  } catch {
    // The port rejects only when the shell itself is gone; what it says then helps nobody on the floor.
    return failed(fault('station-unreachable'));
  }
}

function readAnswer<Name extends CallName>(name: Name, answer: Answer<unknown>): Answer<CallValue<Name>> {
  if (!answer.ok) return answer;
  const value = calls[name].output.safeParse(answer.value);
  if (!value.success) return failed(fault('answer-unreadable', { call: name, field: firstPath(value.error) }));
  return ok(value.data as CallValue<Name>);
}

function withinTime(work: Promise<Answer<unknown>>, clock: Clock, ms: number): Promise<Answer<unknown>> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(failed(fault('answer-late'))));
    void work.then((answer) => {
      cancel();
      resolve(answer);
    });
  });
}

const firstPath = (error: z.ZodError): string => error.issues[0]?.path.map(String).join('.') ?? '';
