/** What `benchline station --help` says. */
export const stationUsage = `benchline station --data DIR [options]

The bench program without a window. Without --connection-string-file it starts the embedded provisioning service.

  --slot N=usb:PLACE | N=serial:PATH | N=tcp:HOST:PORT
                                           a real unit's port, for each slot (1 to 16); \`benchline slots\` lists the places
  --slots N                                how many slots the bench shows (those in use)
  --baud N                                 speed of the serial ports (as each adapter's profile says)
  --virtual-units N                        virtual units on the bench, 0 to 16 (0)
  --attestation tpm|x509|mixed             what virtual units prove themselves with (mixed)
  --tpm swtpm|software                     what stands in for their TPM (swtpm where it is installed)
  --signer FILE.p12                        the signer of device certificates, with
  --signer-passphrase-file FILE            the file whose first line is its passphrase
  --ek-roots DIR                           more certificates of TPM vendors
  --watch-loop SECONDS                     writes the longest stall of the program into the log, each so often

A provisioning service of your own:
  --connection-string-file FILE            its service connection string (- for standard input)
  --id-scope ID --endpoint HOST[:PORT]     what units are told of it
  --ca FILE                                PEM of what it is trusted by (the system's own roots)
  --hub-connection-string-file FILE        hubs to look for devices in, one connection string a line (or -)
  --connection-string CS, --hub-connection-string CS
                                           the same in plain sight: every user of this machine can read them

The embedded service:
  --hubs N                                 virtual hubs, 1 to 16 (2)
  --retry-after SECONDS                    how long a device waits between two polls (3)
  --listen ADDRESS                         where it listens
  --https N --mqtts N --amqps N            on which ports; all three together`;
