/**
 * Takes AMQP connections: header, SASL where the client wants it, then the engine. SASL is spoken here and not by the
 * engine: a mechanism sees its peer, one frame is handled at a time, and nothing waits without a bound.
 */
import type { Duplex } from 'node:stream';
import { inBackground, nameOf } from '../base/background.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { AmqpAcceptor, AmqpError, AmqpLimits, AmqpProgram, SaslExchange, SaslStep } from './amqp.ts';
import { createAmqpCutter, type AmqpCutter, type Cut } from './amqp-cutter.ts';
import { createAmqpEngine, type AmqpEngine } from './amqp-engine.ts';
import {
  maxSaslFrameBytes,
  readSaslFrame,
  saslChallenge,
  saslCodes,
  saslMechanisms,
  saslOutcome,
  type SaslFrame,
} from './amqp-sasl-frame.ts';
import { createAmqpWire, type AmqpWire } from './amqp-wire.ts';
import type { TlsPeer } from './tls-peer.ts';

export interface AcceptorParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: AmqpLimits;
}

// 'AMQP', the protocol id, version 1.0.0 (AMQP 1.0 sections 2.2 and 5.3.1).
const amqpHeader = Buffer.from('414d515000010000', 'hex');
const saslHeader = Buffer.from('414d515003010000', 'hex');

// A header is eight bytes; a peer that has not sent them by then is not a device.
const headerTimeoutMs = 20_000;
// One client sleeps in steps of 4 s before its last response, and a TPM takes seconds for each command (dps-wire 3.5).
const loginTimeoutMs = 120_000;
// Our own end waits for nobody longer.
const closeTimeoutMs = 1_000;
// The longest exchange has four steps (dps-wire 3.5).
const maxSaslSteps = 8;

type Phase<Who> =
  | { readonly at: 'header' }
  | { readonly at: 'sasl'; exchange: SaslExchange<Who> | undefined; steps: number; isBusy: boolean }
  | { readonly at: 'second-header'; readonly who: Who }
  | { readonly at: 'amqp'; readonly engine: AmqpEngine };

interface Connection<Who> {
  readonly stream: Duplex;
  readonly peer: TlsPeer;
  readonly cutter: AmqpCutter;
  readonly wire: AmqpWire;
  phase: Phase<Who>;
}

interface Acceptor<Who> extends AcceptorParts {
  readonly program: AmqpProgram<Who>;
  readonly open: Set<Connection<Who>>;
  isClosing: boolean;
}

export function createAmqpAcceptor<Who>(program: AmqpProgram<Who>, parts: AcceptorParts): Readonly<AmqpAcceptor> {
  const acceptor: Acceptor<Who> = { ...parts, program, open: new Set(), isClosing: false };
  return Object.freeze<AmqpAcceptor>({
    accept(stream, peer) {
      if (stream.destroyed) return;
      if (acceptor.isClosing || acceptor.open.size >= parts.limits.maxConnections) stream.destroy();
      else adopt(acceptor, stream, peer);
    },
    get size() {
      return acceptor.open.size;
    },
    async close() {
      acceptor.isClosing = true;
      const ends = [...acceptor.open].map(
        (connection) => new Promise((done) => connection.stream.once('close', () => done(undefined))),
      );
      for (const connection of acceptor.open) {
        const { phase } = connection;
        if (phase.at === 'amqp') phase.engine.close(stopping);
        else connection.wire.end();
        connection.wire.giveTime(closeTimeoutMs);
      }
      await Promise.all(ends);
    },
  });
}

// SDKs come back after this one.
const stopping: AmqpError = { condition: 'amqp:link:detach-forced', description: 'The service is being stopped.' };

function adopt<Who>(acceptor: Acceptor<Who>, stream: Duplex, peer: TlsPeer): void {
  const connection: Connection<Who> = {
    stream,
    peer,
    cutter: createAmqpCutter(),
    wire: createAmqpWire({
      stream,
      clock: acceptor.clock,
      drained() {
        if (connection.phase.at === 'amqp') connection.phase.engine.drained();
      },
    }),
    phase: { at: 'header' },
  };
  acceptor.open.add(connection);
  connection.wire.giveTime(headerTimeoutMs);
  stream.on('data', (chunk: Buffer) => {
    if (connection.wire.isEnding) return;
    connection.cutter.push(chunk);
    advance(acceptor, connection);
  });
  // half an end is an end: a device that sends nothing more hears nothing more
  stream.once('end', () => connection.wire.end());
  stream.on('error', () => undefined);
  stream.once('close', () => {
    acceptor.open.delete(connection);
    if (connection.phase.at === 'amqp') connection.phase.engine.ended();
  });
}

/** Handles what has come, as far as it is whole and its turn has come. */
function advance<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>): void {
  for (;;) {
    const { phase, cutter, wire } = connection;
    if (wire.isEnding) return;
    const cut = nextCut(phase, cutter, acceptor.limits.maxFrameBytes);
    if (cut === undefined || cut.is === 'more') return;
    if (cut.is === 'wrong-size') {
      refuseSize(connection);
      return;
    }
    takePart(acceptor, connection, cut.bytes);
  }
}

function nextCut<Who>(phase: Phase<Who>, cutter: AmqpCutter, maxFrameBytes: number): Cut | undefined {
  switch (phase.at) {
    case 'header':
    case 'second-header':
      return cutter.header();
    case 'sasl':
      return phase.isBusy ? undefined : cutter.frame(maxSaslFrameBytes);
    case 'amqp':
      return cutter.frame(maxFrameBytes);
  }
}

function takePart<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>, bytes: Buffer): void {
  const { phase } = connection;
  switch (phase.at) {
    case 'header':
      takeHeader(acceptor, connection, bytes);
      return;
    case 'sasl':
      takeSasl(acceptor, connection, phase, readSaslFrame(bytes));
      return;
    case 'second-header':
      if (bytes.equals(amqpHeader)) startEngine(acceptor, connection, phase.who);
      else refuseHeader(acceptor, connection);
      return;
    case 'amqp':
      phase.engine.take(bytes);
      // From here on the engine's idle time-out watches.
      if (phase.engine.isOpen) connection.wire.stopTimer();
  }
}

function takeHeader<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>, header: Buffer): void {
  connection.wire.giveTime(loginTimeoutMs);
  const { program } = acceptor;
  if (header.equals(saslHeader) && program.mechanisms.size > 0) {
    connection.phase = { at: 'sasl', exchange: undefined, steps: 0, isBusy: false };
    connection.wire.write(Buffer.concat([saslHeader, saslMechanisms([...program.mechanisms.keys()])]));
    return;
  }
  if (!header.equals(amqpHeader)) {
    refuseHeader(acceptor, connection);
    return;
  }
  const who = program.bare(connection.peer);
  if (who === undefined) {
    refuseLogin(acceptor, connection);
    return;
  }
  startEngine(acceptor, connection, who);
}

/** Section 2.2: what we would speak, then the end. */
function refuseHeader<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>): void {
  connection.wire.write(acceptor.program.mechanisms.size > 0 ? saslHeader : amqpHeader);
  connection.wire.end();
}

const noHandlers = {
  attaching: () => ({ is: 'refused', error: unauthorized }) as const,
  received: () => undefined,
  sendable: () => undefined,
  detached: () => undefined,
  closed: () => undefined,
};
const unauthorized: AmqpError = { condition: 'amqp:unauthorized-access', description: 'Unauthorized' };

/** Said in AMQP: header, open, close with the reason. */
function refuseLogin<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>): void {
  const view = { peer: connection.peer, close: () => undefined };
  const engine = createAmqpEngine({
    limits: acceptor.limits,
    log: acceptor.log,
    wire: connection.wire,
    connected: () => ({ view, handlers: noHandlers }),
  });
  engine.take(amqpHeader);
  engine.close(unauthorized);
  engine.ended();
}

function refuseSize<Who>(connection: Connection<Who>): void {
  const { phase } = connection;
  if (phase.at === 'amqp')
    phase.engine.close({ condition: 'amqp:connection:framing-error', description: 'The frame is too large or too small.' }); // prettier-ignore
  else connection.wire.end();
}

function startEngine<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>, who: Who): void {
  const { peer, stream } = connection;
  const engine = createAmqpEngine({
    limits: acceptor.limits,
    log: acceptor.log,
    wire: connection.wire,
    connected(close) {
      const view = { peer, close };
      const handlers = acceptor.program.connected(view, who);
      stream.once('close', () => handlers.closed());
      return { view, handlers };
    },
  });
  connection.phase = { at: 'amqp', engine };
  engine.take(amqpHeader);
}

// ---- SASL (section 5.3)

type Sasl<Who> = Extract<Phase<Who>, { at: 'sasl' }>;

function takeSasl<Who>(
  acceptor: Acceptor<Who>,
  connection: Connection<Who>,
  sasl: Sasl<Who>,
  frame: SaslFrame | undefined,
): void {
  const answer =
    frame === undefined || sasl.steps >= maxSaslSteps ? undefined : answerTo(acceptor, connection, sasl, frame);
  if (answer === undefined) {
    // unknown mechanism, or a frame that is none, out of turn or one too many
    conclude(connection, saslCodes.auth);
    return;
  }
  sasl.steps += 1;
  sasl.isBusy = true;
  // nothing is read meanwhile: a client answers only what it was asked
  connection.stream.pause();
  const goOn = async (): Promise<void> => {
    const step = await settled(acceptor, answer);
    sasl.isBusy = false;
    if (connection.wire.isEnding) return;
    connection.stream.resume();
    takeStep(connection, step);
    advance(acceptor, connection);
  };
  inBackground(acceptor.log, 'amqp-login-broke', goOn, () => {
    connection.stream.destroy();
  });
}

function answerTo<Who>(acceptor: Acceptor<Who>, connection: Connection<Who>, sasl: Sasl<Who>, frame: SaslFrame) {
  const { exchange } = sasl;
  if (frame.is === 'response') return exchange === undefined ? undefined : () => exchange.step(frame.bytes);
  const begin = exchange === undefined ? acceptor.program.mechanisms.get(frame.mechanism) : undefined;
  if (begin === undefined) return undefined;
  const begun = begin(connection.peer);
  sasl.exchange = begun;
  return () => begun.start(frame.initial);
}

async function settled<Who>(
  { log }: Acceptor<Who>,
  answer: () => SaslStep<Who> | Promise<SaslStep<Who>>,
): Promise<SaslStep<Who>> {
  try {
    return await answer();
  } catch (error) {
    // a bug of ours: the client is told to come again, and it is seen
    log.error('login-failed', { error: nameOf(error) });
    return { is: 'unavailable' };
  }
}

function takeStep<Who>(connection: Connection<Who>, step: SaslStep<Who>): void {
  switch (step.is) {
    case 'challenge':
      connection.wire.write(saslChallenge(step.bytes));
      return;
    case 'accepted':
      connection.wire.write(saslOutcome(saslCodes.ok));
      connection.phase = { at: 'second-header', who: step.who };
      return;
    case 'refused':
      conclude(connection, saslCodes.auth);
      return;
    case 'unavailable':
      conclude(connection, saslCodes.temporary);
  }
}

function conclude<Who>(connection: Connection<Who>, code: 1 | 4): void {
  connection.wire.write(saslOutcome(code));
  connection.wire.end();
}
