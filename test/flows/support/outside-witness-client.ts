/** Runs in a child process: unmodified azure-iothub and azure-iot-provisioning-service list what is there. */
import { readFileSync } from 'node:fs';
import provisioning from 'azure-iot-provisioning-service';
import iothub from 'azure-iothub';
import type { SdkLists } from './outside-witness.ts';

interface Job {
  readonly serviceConnectionString: string;
  readonly hubs: readonly { readonly hostName: string; readonly connectionString: string }[];
}

interface Enrollment {
  readonly registrationId: string;
  readonly deviceId?: string;
  readonly attestation: { readonly type: string };
}

interface State {
  readonly registrationId: string;
  readonly status: string;
  readonly deviceId: string;
  readonly assignedHub: string;
}

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
const client = provisioning.ProvisioningServiceClient.fromConnectionString(job.serviceConnectionString);

async function everyPage<Item>(query: ReturnType<typeof client.createIndividualEnrollmentQuery>): Promise<Item[]> {
  const items: Item[] = [];
  // Without the token this SDK asks for the first page for ever.
  while (query.hasMoreResults) {
    items.push(...((await query.next(query.continuationToken)).responseBody as unknown as Item[]));
  }
  return items;
}

const devices: Record<string, string[]> = {};
for (const { hostName, connectionString } of job.hubs) {
  const listed = await iothub.Registry.fromConnectionString(connectionString).list();
  devices[hostName] = listed.responseBody.map(({ deviceId }) => deviceId).sort();
}
const all = { query: 'SELECT * FROM enrollments' };
const enrollments = await everyPage<Enrollment>(client.createIndividualEnrollmentQuery(all, 10));
const groups = await everyPage<{ enrollmentGroupId: string }>(client.createEnrollmentGroupQuery(all, 10));
const states: State[] = [];
for (const { enrollmentGroupId } of groups) {
  states.push(
    ...(await everyPage<State>(client.createEnrollmentGroupDeviceRegistrationStateQuery(all, enrollmentGroupId, 10))),
  );
}
for (const { registrationId } of enrollments) {
  states.push((await client.getDeviceRegistrationState(registrationId)).responseBody);
}
const lists: SdkLists = {
  devices,
  enrollments: enrollments.map(({ registrationId, deviceId, attestation }) => ({
    registrationId,
    attestation: attestation.type,
    ...(deviceId === undefined ? {} : { deviceId }),
  })),
  groups: groups.map(({ enrollmentGroupId }) => enrollmentGroupId),
  registrations: states.map(({ registrationId, status, deviceId, assignedHub }) => ({
    registrationId,
    status,
    deviceId,
    hub: assignedHub,
  })),
};
process.stdout.write(JSON.stringify(lists));
// The SDK keeps idle connections open.
process.exit(0);
