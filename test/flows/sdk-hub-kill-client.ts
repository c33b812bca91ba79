/** Runs in a child process: unmodified azure-iot-device over AMQP, told when to send; it says when it is there. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import device from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';

const { connectionStrings } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as { connectionStrings: string[] };

const say = (word: string): void => void process.stdout.write(`${word}\n`);

const clients = await Promise.all(
  connectionStrings.map(async (text) => {
    const client = device.Client.fromConnectionString(text, deviceAmqp.Amqp);
    await client.open();
    client.onDeviceMethod('ping', (request, response) => {
      response.send(200, { echo: request.payload as unknown }, () => undefined);
    });
    await client.sendEvent(new device.Message('before'));
    return client;
  }),
);
say('up');

createInterface({ input: process.stdin }).on('line', (word) => {
  // by its own policy the SDK tries again until the hub is back
  void Promise.all(clients.map((client) => client.sendEvent(new device.Message(word)))).then(
    () => say(`sent ${word}`),
    (error: unknown) => say(`failed ${String(error)}`),
  );
});
