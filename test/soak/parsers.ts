/** Everything that reads what a stranger sends, each with samples of what it takes. */
import { deviceOfUserName, maySubscribeTo, parsePublish } from '../../src-main/hub/device-topics.ts';
import { isObject, parseJson } from '../../src-main/hub/json.ts';
import { changeTwin, newTwin } from '../../src-main/hub/twin.ts';
import { fromBase64, fromUtf8, utf8 } from '../../src-main/lib/base/bytes.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { parseSasToken } from '../../src-main/lib/dps/sas.ts';
import { deviceRegistration, enrollmentGroup, individualEnrollment } from '../../src-main/lib/dps/wire.ts';
import { createMqttSizeGuard } from '../../src-main/lib/listen/mqtt-size-guard.ts';
import { splitActivationBlob } from '../../src-main/lib/tpm/credential.ts';
import { decodePublic, objectName } from '../../src-main/lib/tpm/public-area.ts';
import { decodeStorageKey, ekTemplate, srkTemplate } from '../../src-main/lib/tpm/templates.ts';
import { createAuthority, createServerCertificate } from '../../src-main/lib/x509/authority.ts';
import { readCertificate } from '../../src-main/lib/x509/certificate.ts';
import { validateChain } from '../../src-main/lib/x509/chain.ts';
import { checkCsr, createCsr } from '../../src-main/lib/x509/csr.ts';
import { generateKey } from '../../src-main/lib/x509/keys.ts';
import { certificateFromPemOrBase64, certificatesFromPem, toPem } from '../../src-main/lib/x509/pem.ts';
import { compareReaders } from '../exams/certificate-facts.ts';
import { publicKeyFacts } from '../../src-main/lib/x509/public-key.ts';
import type { WebRequest } from '../../src-main/lib/listen/https-server.ts';
import { createScanReader, defaultScanRules } from '../../src-main/station/scan/scan-reader.ts';
import { deviceRoutes, type DeviceApiParts } from '../../src-main/service/http/device-api.ts';
import { findRoute } from '../../src-main/service/http/routes.ts';
import { deviceParsers } from './device-parsers.ts';
import type { Parser } from './inputs.ts';
import { wireParsers } from './wire-parsers.ts';

const parts = { clock: systemClock, random: systemRandom };
const cheap = 200_000;
const costly = 20_000;

const text = (read: (text: string) => unknown) => (bytes: Uint8Array) => read(Buffer.from(bytes).toString('utf8'));
const json = (read: (value: unknown) => unknown) => (bytes: Uint8Array) => {
  const value = parseJson(fromUtf8(bytes) ?? '');
  return value === undefined ? undefined : read(value);
};

export async function listParsers(): Promise<readonly Parser[]> {
  return [
    ...dpsParsers(),
    ...scanParsers(),
    ...wireParsers(),
    ...deviceParsers(),
    ...hubParsers(),
    ...tpmParsers(),
    ...(await certificateParsers()),
  ];
}

// Of their handlers nothing is asked here.
const addresses = deviceRoutes({ retryAfterS: 3 } as DeviceApiParts);

function dpsParsers(): readonly Parser[] {
  const sr = '0ne00ABCDEF%2Fregistrations%2Fdev-01';
  const token = `SharedAccessSignature sr=${sr}&sig=7NSurcKpOPchSYuHxnzMET5vPa5d1hbXLMDAv7FLvnE%3D&se=1900000000`;
  const tpm = { endorsementKey: 'AToAAQAL', storageRootKey: 'ARoAAQAL' };
  const certificates = { primary: { certificate: 'MIIB' } };
  const individual = {
    registrationId: 'dev-01',
    deviceId: 'press-17',
    attestation: { type: 'tpm', tpm },
    capabilities: { iotEdge: false },
    initialTwin: { tags: { site: 'b2' }, properties: { desired: { interval: 30 } } },
    iotHubs: ['hub-a.example.net'],
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  };
  const group = {
    enrollmentGroupId: 'line-7',
    attestation: { type: 'x509', x509: { signingCertificates: certificates } },
  };
  return [
    {
      name: 'SAS token',
      inputs: cheap,
      samples: [token, `${token}&skn=registration`].map(utf8),
      read: text(parseSasToken),
    },
    {
      name: 'HTTPS address',
      inputs: cheap / 2,
      samples: ['/0ne00ABCDEF/registrations/dev-01/register', '/0ne00ABCDEF/registrations/a%20b/operations/5.0/'].map(
        utf8,
      ),
      read: text((path) => findRoute(addresses, { method: 'PUT', path } as WebRequest)),
    },
    {
      name: 'connection string',
      inputs: cheap,
      samples: [utf8('HostName=hub-a.example.net:8443;SharedAccessKeyName=iothubowner;SharedAccessKey=AAECAwQFBgc=')],
      read: text(parseConnectionString),
    },
    {
      name: 'registration body',
      inputs: cheap,
      samples: [{}, { registrationId: 'dev-01', tpm, payload: { room: 4 } }, { payload: null }].map(asJson),
      read: json((value) => deviceRegistration.safeParse(value)),
    },
    {
      name: 'enrollment body',
      inputs: cheap,
      samples: [individual, group].map(asJson),
      read: json((value) => [individualEnrollment.safeParse(value), enrollmentGroup.safeParse(value)]),
    },
  ];
}

function scanParsers(): readonly Parser[] {
  const codes = ['SN-2026-000141', 'SLOT-16', 'OP-ADA OKAFOR', 'CMD-ABORT', '(01)09521234543213(10)L(21)SN-1'];
  const packed = ']d20109521234543213172612311021SN-1\u001d10LOT';
  const reader = must(createScanReader(defaultScanRules));
  return [
    { name: 'scan', inputs: cheap, samples: [...codes, packed].map(utf8), read: text((code) => reader.read(code)) },
  ];
}

function hubParsers(): readonly Parser[] {
  const deviceId = 'dev-01';
  const topics = [
    '$iothub/twin/GET/?$rid=7',
    '$iothub/twin/PATCH/properties/reported/?$rid=0f',
    `devices/${deviceId}/messages/events/a=b%20c&%24.mid=7`,
    `devices/${deviceId}/messages/devicebound/#`,
  ];
  const patches = [
    { interval: 30, nested: { a: { b: null } } },
    { $version: 3, list: [1, [2, { c: true }]] },
  ];
  const twin = newTwin('2026-01-01T00:00:00.000Z');
  return [
    {
      name: 'MQTT user name of a hub device',
      inputs: cheap,
      samples: ['hub-a.example.net/dev-01/?api-version=2021-04-12&DeviceClientType=x', 'h/dev-01'].map(utf8),
      read: text(deviceOfUserName),
    },
    {
      name: 'MQTT topic at a hub',
      inputs: cheap,
      samples: topics.map(utf8),
      read: text((topic) => [parsePublish(deviceId, topic), maySubscribeTo(deviceId, topic)]),
    },
    {
      name: 'twin patch',
      inputs: cheap / 2,
      samples: patches.map(asJson),
      read: json((value) =>
        isObject(value as never)
          ? changeTwin(twin, [{ part: 'reported', values: value as never, how: 'merge' }], '2026-01-01T00:00:00.000Z')
          : undefined,
      ),
    },
    {
      name: 'MQTT packet sizes',
      inputs: cheap,
      samples: [Uint8Array.of(0x10, 2, 0, 0, 0x30, 0x80, 0x01), Uint8Array.of(0xc0, 0, 0xe0, 0)],
      read: (bytes) => createMqttSizeGuard(4_096).accepts(bytes),
    },
  ];
}

function tpmParsers(): readonly Parser[] {
  const element = Uint8Array.of(0, 2, 1, 2);
  const blob = Uint8Array.from(Array.from({ length: 6 }, () => [...element]).flat());
  return [
    {
      name: 'TPM2B_PUBLIC',
      inputs: cheap,
      samples: [ekTemplate, srkTemplate],
      read: (bytes) => [decodePublic(bytes), decodeStorageKey(bytes), objectName(bytes)],
    },
    { name: 'activation blob', inputs: cheap, samples: [blob], read: splitActivationBlob },
  ];
}

async function certificateParsers(): Promise<readonly Parser[]> {
  const plan = { algorithm: 'p256', validityDays: 30 } as const;
  const root = must(await createAuthority({ ...plan, commonName: 'Root', pathLength: 1 }, parts));
  const middle = must(await createAuthority({ ...plan, commonName: 'Middle', pathLength: 0, issuer: root }, parts));
  const names = { commonName: 'leaf', dnsNames: ['leaf.example.net'], ipAddresses: ['127.0.0.1'] };
  const leaf = must(await createServerCertificate({ ...plan, ...names }, middle, parts));
  const { key } = await generateKey('p256');
  const csr = must(await createCsr('dev-01', key));
  const ders = [root.certificate, middle.certificate, leaf.certificate];
  const pems = ders.map((der) => utf8(toPem('CERTIFICATE', der)));
  return [
    { name: 'certificate', inputs: costly, samples: ders, read: readCertificate },
    { name: 'certificate, by both readers', inputs: costly, samples: ders, read: compareReaders },
    {
      name: 'certificate chain',
      inputs: costly,
      samples: ders,
      read: (bytes) => {
        const question = { presented: [bytes, middle.certificate], anchors: [root.certificate] };
        const nowMs = systemClock.nowMs();
        return [leaf.certificate, bytes].map((one) => validateChain({ ...question, leaf: one, nowMs }));
      },
    },
    {
      name: 'certificate request',
      inputs: costly,
      samples: [csr],
      read: (bytes) => checkCsr(bytes, { expectedCommonName: 'dev-01' }),
    },
    { name: 'public key', inputs: cheap, samples: [key.publicKey], read: publicKeyFacts },
    {
      name: 'PEM',
      inputs: cheap,
      samples: [...pems, ...ders.map((der) => utf8(Buffer.from(der).toString('base64')))],
      read: text((pem) => [certificatesFromPem(pem), certificateFromPemOrBase64(pem), fromBase64(pem)]),
    },
  ];
}

function asJson(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}
