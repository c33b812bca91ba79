/** Everything that reads what a unit sends: frames of the bench link and of the tunnel, CBOR, and consoles by recipe. */
import { must } from '../../src-main/lib/base/result.ts';
import { fromHex, utf8 } from '../../src-main/lib/base/bytes.ts';
import { decodeMap } from '../../src-main/lib/link/cbor-map.ts';
import { createFrameDecoder } from '../../src-main/lib/link/console-frame.ts';
import { decodePacket } from '../../src-main/lib/link/smp-packet.ts';
import { createTunnelDecoder } from '../../src-main/lib/tpm/tunnel-frame.ts';
import { checkProfile } from '../../src-main/station/drivers/console/profile.ts';
import { draftProfile } from '../../src-main/station/drivers/console/draft.ts';
import { match, parseTemplate } from '../../src-main/station/drivers/console/template.ts';
import nordic from '../../resources/devices/nordic-nrf91.json' with { type: 'json' };
import { helloFrames, mynewtFrames, osPackets, ourVectors } from '../vectors/link-vectors.ts';
import type { Parser } from './inputs.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);
const cheap = 100_000;
/** No line may be longer: as the session cuts them. */
const maxLineChars = 16_384;

export function deviceParsers(): readonly Parser[] {
  const profile = must(checkProfile(nordic));
  const lines = [
    ...profile.errors.map(({ line }) => line),
    profile.slots?.item ?? '',
    '%KEYGEN: "{csr:base64url}.{cose:base64url}"',
  ];
  const templates = lines.map((line) => parseTemplate(line) ?? []);
  return [
    {
      name: 'SMP console frames',
      inputs: cheap,
      samples: [...helloFrames.linesOfEight, ...mynewtFrames.imageListReply.frames, ourVectors.echoFrame].map(utf8),
      read: (bytes) => createFrameDecoder(4_096).push(bytes),
    },
    { name: 'SMP packet', inputs: cheap, samples: osPackets.map(({ hex: text }) => hex(text)), read: decodePacket },
    {
      name: 'CBOR map',
      inputs: cheap,
      samples: osPackets.map(({ hex: text }) => hex(text.slice(16))),
      read: decodeMap,
    },
    {
      name: 'TPM tunnel frames',
      inputs: cheap,
      samples: ['54554e0100003730', '54554e02000c80010000000c0000017b00047d64'].map(hex),
      read: (bytes) => createTunnelDecoder().push(bytes),
    },
    {
      name: 'line of a console',
      inputs: cheap,
      samples: ['+CME ERROR: 518', '%CMNG: 1, 2, "AB01"', `%KEYGEN: "${'MIIB'.repeat(40)}.${'0oRD'.repeat(20)}"`].map(
        utf8,
      ),
      read: (bytes) => {
        const line = Buffer.from(bytes).toString('utf8').slice(0, maxLineChars);
        return templates.map((parts) => match(parts, line));
      },
    },
    {
      name: 'device profile',
      inputs: cheap / 20,
      samples: [utf8(JSON.stringify(nordic))],
      read: (bytes) => {
        try {
          return checkProfile(JSON.parse(Buffer.from(bytes).toString('utf8')));
        } catch (error) {
          if (error instanceof SyntaxError) return undefined;
          throw error;
        }
      },
    },
    {
      name: 'console transcript',
      inputs: cheap / 20,
      samples: [utf8('> AT\nOK\n> AT+CGSN\n352656109480783\nOK\n')],
      read: (bytes) => draftProfile(Buffer.from(bytes).toString('utf8'), { profileId: 'x' }),
    },
  ];
}
