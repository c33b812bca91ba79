/** Stands before a service on its own address: passes calls on and, while told to, keeps the answers to itself. */
import { type Socket, connect, createServer } from 'node:net';

export interface ReplyGate {
  readonly port: number;
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

export async function openReplyGate(address: string, servicePort: number): Promise<ReplyGate> {
  let holds = false;
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(servicePort, address);
    near.pipe(far);
    far.on('data', (bytes) => {
      if (!holds) near.write(bytes);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const place = server.address();
  if (place === null || typeof place === 'string') throw new Error('the gate has no port');
  return {
    port: place.port,
    hold: () => void (holds = true),
    release: () => void (holds = false),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
