/** A TLS peer that sends exactly the bytes it is told to, and keeps what comes back. */
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { systemClock } from '../../../src-main/lib/base/host.ts';

export interface RawTls {
  readonly socket: TLSSocket;
  /** Everything received so far. */
  text(): string;
  bytes(): Buffer;
  /** Sends, and waits until the other side has taken it or has ended. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** Resolves when what was received satisfies, or with false when the other side ended first. */
  until(satisfies: (text: string) => boolean): Promise<boolean>;
  /** When the other side has ended the connection, how many milliseconds after it was opened. */
  readonly ended: Promise<number>;
  close(): void;
}

const limitMs = 30_000;

/** Rejects when the handshake fails. */
export function openRawTls(options: ConnectionOptions): Promise<RawTls> {
  return new Promise((resolve, reject) => {
    const openedMs = systemClock.monotonicMs();
    const chunks: Buffer[] = [];
    const socket = connect(options);
    const bytes = (): Buffer => Buffer.concat(chunks);
    const text = (): string => bytes().toString('latin1');
    const ended = new Promise<number>((done) => {
      socket.once('close', () => {
        done(systemClock.monotonicMs() - openedMs);
      });
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    // a reset is one way to be turned away
    socket.on('error', () => undefined);
    socket.once('secureConnect', () => {
      resolve({
        socket,
        text,
        bytes,
        ended,
        send: (what) =>
          new Promise((done) => {
            if (socket.destroyed) done();
            else socket.write(what, () => done());
          }),
        until: (satisfies) =>
          new Promise((done) => {
            const stop = systemClock.after(limitMs, () => finish(false));
            const look = (): void => {
              if (satisfies(text())) finish(true);
            };
            const gone = (): void => finish(satisfies(text()));
            const finish = (met: boolean): void => {
              stop();
              socket.off('data', look).off('close', gone);
              done(met);
            };
            socket.on('data', look).once('close', gone);
            if (socket.destroyed) gone();
            else look();
          }),
        close: () => void socket.destroy(),
      });
    });
  });
}

/** The status numbers of all HTTP answers in what was received. */
export function statusesIn(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
