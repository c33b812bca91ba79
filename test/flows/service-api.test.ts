/** The service API and our admin API of the real program, by our clients and by raw requests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import type { IndividualEnrollment } from '../../src-main/lib/dps/wire.ts';
import { groupOf, makeAuthority, makeLeaf, pemOf } from './service-devices.ts';
import { inOneHour, openServiceBed, type RawRequest, type ServiceBed } from './service-bed.ts';

let bed: ServiceBed;
let authorization = '';
// A TPM2B_PUBLIC by its length alone: nobody registers with it here.
const endorsementKey = Buffer.from([0, 4, 1, 2, 3, 4]).toString('base64');
const tpmEntry = (registrationId: string, more: Partial<IndividualEnrollment> = {}): IndividualEnrollment => ({
  registrationId,
  attestation: { type: 'tpm', tpm: { endorsementKey } },
  ...more,
});

beforeAll(async () => {
  bed = await openServiceBed();
  authorization = await bed.owner();
});
afterAll(() => bed.close());

const ask = (request: RawRequest) => bed.raw({ ...request, headers: { authorization, ...request.headers } });
const version = 'api-version=2021-10-01';

describe('an enrollment', () => {
  it('is made, read, changed and removed, with an ETag that changes', async () => {
    const { enrollments } = bed.client;
    const made = must(await enrollments.put(tpmEntry('Unit-1', { deviceId: 'Press.17' })));
    expect(made).toMatchObject({ registrationId: 'Unit-1', deviceId: 'Press.17', provisioningStatus: 'enabled' });
    expect(made.etag).toMatch(/^".+"$/);
    // ids compare without case, and keep their first spelling
    expect(must(await enrollments.get('UNIT-1'))).toEqual(made);
    const changed = must(await enrollments.put(tpmEntry('unit-1', { provisioningStatus: 'disabled' })));
    expect(changed).toMatchObject({ registrationId: 'Unit-1', provisioningStatus: 'disabled' });
    expect(changed.etag).not.toBe(made.etag);
    expect(changed.createdDateTimeUtc).toBe(made.createdDateTimeUtc);
    must(await enrollments.delete('unit-1'));
    expect(await enrollments.get('unit-1')).toMatchObject({
      fault: { code: 'not-found', detail: { errorCode: 404_201 } },
    });
    expect(await enrollments.delete('unit-1')).toMatchObject({ fault: { code: 'not-found' } });
  });

  it('is changed under its ETag, quoted, unquoted or a star, and not under an old one', async () => {
    const { enrollments } = bed.client;
    const { etag } = must(await enrollments.put(tpmEntry('etag-1')));
    const second = must(await enrollments.put(tpmEntry('etag-1'), { ifMatch: etag ?? '' }));
    const third = must(await enrollments.put(tpmEntry('etag-1'), { ifMatch: (second.etag ?? '').replaceAll('"', '') }));
    expect(await enrollments.put(tpmEntry('etag-1'), { ifMatch: etag ?? '' })).toMatchObject({
      fault: { code: 'conflict', detail: { status: 412 } },
    });
    expect(await enrollments.delete('etag-1', { ifMatch: second.etag ?? '' })).toMatchObject({
      fault: { code: 'conflict' },
    });
    must(await enrollments.put(tpmEntry('etag-1'), { ifMatch: '*' }));
    expect(third.etag).not.toBe(second.etag);
    must(await enrollments.delete('etag-1', { ifMatch: '*' }));
    expect((await enrollments.put(tpmEntry('etag-1'), { ifMatch: '*' })).ok).toBe(false);
  });

  it('of certificates shows what they say, and whole ones by its attestation mechanism', async () => {
    const authority = await makeAuthority('Line 7');
    const group = must(await bed.client.groups.put(groupOf('line-7', authority.certificate)));
    const shown = group.attestation.x509?.signingCertificates?.primary;
    expect(shown).not.toHaveProperty('certificate');
    expect(shown?.info).toMatchObject({ subjectName: 'CN=Line 7', version: 3 });
    const whole = must(await bed.client.groups.attestation('line-7'));
    expect(whole.x509?.signingCertificates?.primary?.certificate).toBe(pemOf(authority.certificate));
  });

  it('that cannot be carried out is refused with a reason', async () => {
    const leaf = await makeLeaf('leaf', await makeAuthority('CA'));
    const { enrollments, groups } = bed.client;
    const tpm = tpmEntry('x').attestation;
    const refused = [
      await enrollments.put(tpmEntry('bad id')),
      await enrollments.put(tpmEntry('x', { attestation: { type: 'tpm', tpm: { endorsementKey: 'AAEC' } } })),
      await enrollments.put(tpmEntry('x', { attestation: { type: 'x509', x509: {} } })),
      await enrollments.put(tpmEntry('x', { attestation: { type: 'none' } })),
      await enrollments.put(tpmEntry('x', { allocationPolicy: 'custom' })),
      await enrollments.put(tpmEntry('x', { allocationPolicy: 'geoLatency' })),
      await groups.put(groupOf('leaf-as-ca', leaf.certificate)),
      await groups.put({ enrollmentGroupId: 'tpm-group', attestation: tpm }),
    ];
    for (const one of refused) expect(one).toMatchObject({ fault: { code: 'call-refused', detail: { status: 400 } } });
    expect(refused[4]).toMatchObject({ fault: { detail: { errorCode: 400_004 } } });
    const other = await ask({ method: 'PUT', path: `/enrollments/a?${version}`, body: JSON.stringify(tpmEntry('b')) });
    expect(other.status).toBe(400);
  });
});

describe('a bulk call', () => {
  it('takes ten, names what it refused, and does the rest', async () => {
    const { enrollments } = bed.client;
    must(await enrollments.put(tpmEntry('bulk-3')));
    const ten = Array.from({ length: 10 }, (_, at) => tpmEntry(`bulk-${at}`));
    const done = must(await enrollments.bulk('create', ten));
    expect(done.isSuccessful).toBe(false);
    expect(done.errors).toMatchObject([{ registrationId: 'bulk-3', errorCode: 409_201 }]);
    expect((await enrollments.get('bulk-9')).ok).toBe(true);
    const gone = must(await enrollments.bulk('delete', ten));
    expect(gone).toMatchObject({ isSuccessful: true, errors: [] });
  });

  it('updates only what is there, and under its ETag when asked to', async () => {
    const { enrollments } = bed.client;
    expect(must(await enrollments.bulk('update', [tpmEntry('nobody')]))).toMatchObject({
      errors: [{ registrationId: 'nobody', errorCode: 404_201 }],
    });
    const { etag = '' } = must(await enrollments.put(tpmEntry('bulk-e')));
    expect(must(await enrollments.bulk('updateIfMatchETag', [tpmEntry('bulk-e', { etag })])).isSuccessful).toBe(true);
    const stale = JSON.stringify({ mode: 'updateIfMatchEtag', enrollments: [tpmEntry('bulk-e', { etag })] });
    // rule 14: as the Node SDK asks, with a slash at the end
    const reply = await ask({ method: 'POST', path: `/enrollments/?${version}`, body: stale });
    expect(reply).toMatchObject({ status: 200, json: { isSuccessful: false, errors: [{ errorCode: 412_001 }] } });
    must(await enrollments.delete('bulk-e'));
  });

  it('of eleven is refused whole', async () => {
    const eleven = Array.from({ length: 11 }, (_, at) => tpmEntry(`eleven-${at}`));
    const body = JSON.stringify({ mode: 'create', enrollments: eleven });
    expect((await ask({ method: 'POST', path: `/enrollments?${version}`, body })).status).toBe(400);
    expect(await bed.client.enrollments.bulk('create', eleven)).toMatchObject({ fault: { code: 'too-many-items' } });
    expect((await bed.client.enrollments.get('eleven-0')).ok).toBe(false);
  });
});

describe('a query', () => {
  it('gives every enrollment once, page by page', async () => {
    const ids = Array.from({ length: 7 }, (_, at) => `page-${at}`);
    must(
      await bed.client.enrollments.bulk(
        'create',
        ids.map((id) => tpmEntry(id)),
      ),
    );
    const seen: string[] = [];
    let continuation: string | undefined;
    let pages = 0;
    do {
      const page = must(await bed.client.enrollments.query({ maxItems: 3, continuation }));
      seen.push(...page.items.map((item) => item.registrationId));
      continuation = page.continuation;
      pages += 1;
    } while (continuation !== undefined);
    expect(seen).toEqual(ids);
    expect(pages).toBe(3);
    must(
      await bed.client.enrollments.bulk(
        'delete',
        ids.map((id) => tpmEntry(id)),
      ),
    );
  });

  it('rule 13: names its headers in lower case, and its items by kind', async () => {
    for (const [path, kind] of [
      ['/enrollments/query', 'Enrollment'],
      ['/EnrollmentGroups/Query/', 'EnrollmentGroup'],
      ['/registrations/line-7/query', 'DeviceRegistration'],
    ] as const) {
      const headers = { 'x-ms-max-item-count': '5' };
      const body = '{"query":"select * from enrollments"}';
      const reply = await ask({ method: 'POST', path: `${path}?${version}`, headers, body });
      expect(reply.status).toBe(200);
      expect(reply.rawHeaders).toContain('x-ms-item-type');
      expect(reply.headers['x-ms-item-type']).toBe(kind);
      expect(reply.rawHeaders).toContain('x-ms-max-item-count');
      expect(Array.isArray(reply.json)).toBe(true);
    }
  });

  it('with a condition is refused rather than answered wrongly', async () => {
    const body = '{"query":"SELECT * FROM enrollments WHERE registrationId = \'a\'"}';
    expect((await ask({ method: 'POST', path: `/enrollments/query?${version}`, body })).status).toBe(400);
  });
});

describe('a request', () => {
  it('without a right signature is 401002 in the service’s error form, and rule 2: as JSON', async () => {
    const key = Buffer.alloc(32);
    const forged = must(
      await createSasToken(
        { resource: bed.address, expiresAtS: inOneHour(), keyName: bed.connection.keyName },
        keySigner(key),
      ),
    );
    const owner = Buffer.from(bed.connection.key, 'base64');
    const sign = async (request: { resource: string; expiresAtS: number; keyName: string }) =>
      must(await createSasToken(request, keySigner(owner)));
    const keyName = bed.connection.keyName;
    const wrong = [
      forged,
      await sign({ resource: bed.address, expiresAtS: inOneHour() - 7_200, keyName }),
      await sign({ resource: bed.address, expiresAtS: inOneHour(), keyName: 'nobody' }),
      await sign({ resource: 'elsewhere.example.net', expiresAtS: inOneHour(), keyName }),
      'Bearer token',
      '',
    ];
    for (const one of wrong) {
      const reply = await bed.raw({
        method: 'GET',
        path: `/enrollments/a?${version}`,
        headers: { authorization: one },
      });
      expect(reply).toMatchObject({ status: 401, json: { errorCode: 401_002, message: 'Unauthorized' } });
      expect(reply.headers['content-type']).toContain('application/json');
      expect(reply.headers['x-ms-error-code']).toBe('401002');
    }
  });

  it('for nothing that is there, by a wrong method, or with a broken or too large body is told so', async () => {
    expect((await ask({ method: 'GET', path: '/nothing' })).json['errorCode']).toBe(404_202);
    expect((await ask({ method: 'PATCH', path: `/enrollments/a?${version}` })).status).toBe(405);
    expect((await ask({ method: 'PUT', path: `/enrollments/a?${version}`, body: '{"a":' })).status).toBe(400);
    expect((await ask({ method: 'PUT', path: `/enrollments/a?${version}`, body: '' })).status).toBe(400);
    const large = JSON.stringify({ filler: 'x'.repeat(600_000) });
    expect((await ask({ method: 'PUT', path: `/enrollments/a?${version}`, body: large })).json['errorCode']).toBe(
      413_001,
    );
    expect((await ask({ method: 'GET', path: '/enrollments/%zz' })).json['errorCode']).toBe(400_001);
  });
});

describe('the admin API', () => {
  it('shows linked hubs with their devices, and what the service holds', async () => {
    const hubs = must(await bed.control.linkedHubs());
    expect(hubs.map((hub) => hub.hostName)).toEqual(bed.hubs.map((hub) => hub.hostName));
    expect(must(await bed.control.devicesOfHub(hubs[0]?.hostName ?? ''))).toEqual([]);
    expect(must(await bed.control.counts())).toEqual({
      enrollments: 0,
      enrollmentGroups: 1,
      registrations: 0,
      linkedHubs: 2,
    });
    expect(must(await bed.control.registrations()).items).toEqual([]);
  });

  it('links a hub only when its connection string opens it, and unlinks it', async () => {
    const [hub] = bed.hubs;
    const connectionString = hub?.connectionString ?? '';
    must(await bed.control.unlinkHub(hub?.hostName ?? ''));
    expect(await bed.control.unlinkHub(hub?.hostName ?? '')).toMatchObject({ fault: { code: 'not-found' } });
    const wrongKey = connectionString.replace(
      /SharedAccessKey=.*/,
      `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`,
    );
    const away = connectionString.replace(/HostName=[^;]+/, 'HostName=127.100.254.254:8443');
    for (const refused of [wrongKey, away]) {
      expect(await bed.control.linkHub({ connectionString: refused })).toMatchObject({
        fault: { code: 'call-refused' },
      });
    }
    expect(await bed.control.linkHub({ connectionString: 'HostName=a' })).toMatchObject({
      fault: { code: 'call-refused' },
    });
    expect(must(await bed.control.linkedHubs())).toHaveLength(1);
    const linked = must(
      await bed.control.linkHub({ connectionString, allocationWeight: 5, applyAllocationPolicy: false }),
    );
    expect(linked).toEqual({ hostName: hub?.hostName, allocationWeight: 5, applyAllocationPolicy: false });
  });

  it('sets the allocation policy, and refuses one it cannot carry out', async () => {
    expect(must(await bed.control.allocationPolicy())).toBe('hashed');
    must(await bed.control.setAllocationPolicy('static'));
    expect(must(await bed.control.allocationPolicy())).toBe('static');
    const body = '{"policy":"custom"}';
    expect((await ask({ method: 'PUT', path: '/benchline/v1/allocationPolicy', body })).status).toBe(400);
    must(await bed.control.setAllocationPolicy('hashed'));
  });
});
