/** A WebSocket connection as a byte stream, with backpressure both ways: what is above does not see frames. */
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

// MQTT-6.0.0-1; the AMQP binding says the same (AMQPWSB10 section 2.4). RFC 6455 7.4.1: a kind of data it cannot take.
const unsupportedData = 1_003;
const normalEnd = 1_000;

export function webSocketStream(socket: WebSocket): Duplex {
  const send = (bytes: Uint8Array, done: (error?: Error | null) => void): void => {
    // called back when the TLS socket below has taken it: until then the stream is full
    socket.send(bytes, { binary: true }, done);
  };
  const stream = new Duplex({
    allowHalfOpen: false,
    read() {
      if (socket.isPaused) socket.resume();
    },
    write(chunk: Uint8Array, _encoding, done) {
      send(chunk, done);
    },
    // a packet that was written in pieces is one frame
    writev(pieces, done) {
      send(Buffer.concat(pieces.map(({ chunk }) => chunk as Uint8Array)), done);
    },
    final(done) {
      socket.close(normalEnd);
      done();
    },
    destroy(error, done) {
      // what was written before a deliberate end still goes out; its time is bounded by the door's `closeTimeout`
      if (error !== null && socket.readyState === WebSocket.OPEN) socket.terminate();
      else socket.close(normalEnd);
      // a paused socket would never read the other side's farewell
      socket.resume();
      done(error);
    },
  });
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (stream.destroyed) return;
    if (!isBinary) {
      socket.close(unsupportedData);
      stream.destroy();
    } else if (!stream.push(data)) socket.pause();
  });
  socket.on('error', (error) => {
    stream.destroy(error);
  });
  socket.on('close', () => {
    if (!stream.destroyed) stream.push(null);
  });
  return stream;
}
