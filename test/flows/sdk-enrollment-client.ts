/** Runs in a child process: unmodified azure-iot-provisioning-service against the service. */
import { readFileSync } from 'node:fs';
import provisioning from 'azure-iot-provisioning-service';

interface Job {
  readonly connectionString: string;
  readonly caPem: string;
  readonly endorsementKey: string;
}

type Client = InstanceType<typeof provisioning.ProvisioningServiceClient>;
type IndividualEnrollment = Awaited<ReturnType<Client['getIndividualEnrollment']>>['responseBody'];
type EnrollmentGroup = Awaited<ReturnType<Client['getEnrollmentGroup']>>['responseBody'];

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
const client = provisioning.ProvisioningServiceClient.fromConnectionString(job.connectionString);
// the SDK's types name every member as required; its documentation and the service do not
const byTpm = (registrationId: string, more: object = {}): IndividualEnrollment =>
  ({
    registrationId,
    attestation: { type: 'tpm', tpm: { endorsementKey: job.endorsementKey } },
    ...more,
  }) as unknown as IndividualEnrollment;
const byAuthority = (enrollmentGroupId: string): EnrollmentGroup =>
  ({
    enrollmentGroupId,
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: job.caPem } } } },
  }) as unknown as EnrollmentGroup;

async function refusalOf(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => 'none',
    (error: unknown) => (error as Error).name,
  );
}

async function individual(): Promise<unknown> {
  const wanted = byTpm('crud-1', { deviceId: 'press-17' });
  const made = (await client.createOrUpdateIndividualEnrollment(wanted)).responseBody;
  const got = (await client.getIndividualEnrollment('crud-1')).responseBody;
  const disabled: IndividualEnrollment = { ...got, provisioningStatus: 'disabled' };
  const changed = (await client.createOrUpdateIndividualEnrollment(disabled)).responseBody;
  const stale = await refusalOf(() => client.createOrUpdateIndividualEnrollment(got));
  const ids: string[] = [];
  const query = client.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 1);
  while (query.hasMoreResults) {
    // without the token this SDK asks for the first page for ever
    const page = (await query.next(query.continuationToken)).responseBody as unknown as readonly IndividualEnrollment[];
    ids.push(...page.map(({ registrationId }) => registrationId));
  }
  await client.deleteIndividualEnrollment('crud-1', changed.etag);
  const gone = await refusalOf(() => client.getIndividualEnrollment('crud-1'));
  return { deviceId: made.deviceId, status: changed.provisioningStatus, refusals: { stale, gone }, ids };
}

async function group(): Promise<unknown> {
  const made = (await client.createOrUpdateEnrollmentGroup(byAuthority('crud-line'))).responseBody;
  const got = (await client.getEnrollmentGroup('crud-line')).responseBody;
  const info = got.attestation.x509?.signingCertificates?.primary as { info?: { subjectName?: string } } | undefined;
  await client.deleteEnrollmentGroup('crud-line', got.etag ?? '');
  const gone = await refusalOf(() => client.getEnrollmentGroup('crud-line'));
  return { id: made.enrollmentGroupId, subject: info?.info?.subjectName, gone };
}

/** Keys that the service makes: told by the PUT and by the attestation mechanism, and kept by a get that is put back. */
async function symmetric(): Promise<unknown> {
  const bare = { registrationId: 'crud-key', attestation: { type: 'symmetricKey' } } as unknown as IndividualEnrollment;
  const made = (await client.createOrUpdateIndividualEnrollment(bare)).responseBody;
  const got = (await client.getIndividualEnrollment('crud-key')).responseBody;
  await client.createOrUpdateIndividualEnrollment({ ...got, provisioningStatus: 'disabled' });
  const revealed = (await client.getIndividualEnrollmentAttestationMechanism('crud-key')).responseBody;
  const keys = made.attestation.symmetricKey;
  await client.deleteIndividualEnrollment('crud-key');
  return {
    bytes: Buffer.from(keys?.primaryKey ?? '', 'base64').length,
    isHidden: got.attestation.symmetricKey === undefined,
    isKept: revealed.symmetricKey?.primaryKey === keys?.primaryKey,
  };
}

/** By its callback: the promise form of this call never settles in this SDK (dps-wire section 7.5). */
function bulk(): Promise<unknown> {
  const enrollments = ['bulk-a', 'bulk-b'].map((registrationId) => byTpm(registrationId));
  return new Promise((resolve, reject) => {
    client.runBulkEnrollmentOperation({ enrollments, mode: 'create' }, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

const witness = {
  bulk: await bulk(),
  individual: await individual(),
  group: await group(),
  symmetric: await symmetric(),
};
process.stdout.write(JSON.stringify(witness));
process.exit(0);
