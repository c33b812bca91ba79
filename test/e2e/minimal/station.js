// A station of a few lines: echoes what it is asked, tells one event, dies when told to.
import process from 'node:process';

const port = process.parentPort;
port.on('message', ({ data }) => {
  if (data.name === 'bench.abort') process.exit(7);
  if (data.name === 'bench.get') port.postMessage({ kind: 'event', name: 'station.changed', payload: { slots: 3 } });
  if (data.name === 'batch.list') {
    const fault = { code: 'no-batches', say: 'There is none.', hint: 'Open one.' };
    port.postMessage({ kind: 'response', id: data.id, result: { ok: false, fault } });
    return;
  }
  const value = { name: data.name, payload: data.payload, args: process.argv.slice(2), pid: process.pid };
  port.postMessage({ kind: 'response', id: data.id, result: { ok: true, value } });
});
process.once('SIGTERM', () => process.exit(0));
