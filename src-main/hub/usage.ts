/** What `benchline hub --help` says. */
export const hubUsage = `benchline hub --data DIR --tls-dir DIR --ready-file FILE --listen ADDRESS [options]

Virtual IoT hubs alone; with their provisioning service they are started by: benchline service

  --data DIR                       what the hubs keep
  --tls-dir DIR                    the TLS authority and the hubs' certificates
  --ready-file FILE                written once they accept connections, with their connection strings
  --listen ADDRESS                 the first hub's IPv4 address; the others follow it
  --hubs N                         how many, 1 to 50 (2)
  --host-names A,B                 what they are called (their addresses)
  --faults 1=down,2=slow:500       begin with faults, for ten minutes: slow[:MS], throttled[:S], refusing, down
  --tls-key rsa|p256               the kind of their servers' keys (rsa)
  --https N --mqtts N --amqps N    on which ports (443, 8883, 5671)`;
