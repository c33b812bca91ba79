/** Makes a pseudo-terminal with what perl-base carries; used where socat is missing. */

/** Given to the script as its argument: then it prints this each time that the slave is opened. */
export const openedWord = 'slave-opened';

// The slave stays open here, so that a station closing its end is no hang-up: a device outlives its station.
// TIOCSPTLCK unlocks the slave, TIOCGPTN tells its number (ioctl_tty(2)). All flags off but 8 data bits: raw, no echo.
export const ptyPerl = `
use strict; use warnings; use Fcntl; use POSIX qw(:termios_h EAGAIN EINTR EIO);
sysopen(my $master, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK) or die "ptmx: $!";
my $zero = pack("i", 0); ioctl($master, 0x40045431, $zero) or die "unlock: $!";
my $number = pack("i", 0); ioctl($master, 0x80045430, $number) or die "number: $!";
my $path = "/dev/pts/" . unpack("i", $number);
sysopen(my $slave, $path, O_RDWR | O_NOCTTY) or die "slave: $!";
my $termios = POSIX::Termios->new; $termios->getattr(fileno($slave));
$termios->setiflag(0); $termios->setoflag(0); $termios->setlflag(0);
$termios->setcflag(CS8 | CREAD | CLOCAL); $termios->setcc(VMIN, 1); $termios->setcc(VTIME, 0);
$termios->setattr(fileno($slave), TCSANOW) or die "termios: $!";
fcntl(STDOUT, F_SETFL, fcntl(STDOUT, F_GETFL, 0) | O_NONBLOCK);
syswrite(STDERR, "PTY is $path\\nready\\n");
my ($down, $up) = ("", "");
my $told = shift; my $shut = defined($told);
close($slave) if $shut;
my $m = fileno($master);
sub passes { my ($n) = @_; return defined($n) || $! == EAGAIN || $! == EINTR }
while (1) {
  # Nobody has the slave open: the master gives EIO until somebody does. What is sent meanwhile is heard by nobody.
  if ($shut) {
    if (defined(sysread($master, $up, 4096, length($up))) || $! == EAGAIN) { $shut = 0; syswrite(STDERR, "$told\\n") }
    else {
      my $r = ""; vec($r, 0, 1) = 1;
      next if select($r, undef, undef, 0.02) <= 0;
      my $n = sysread(STDIN, $down, 4096); exit 0 if defined($n) ? $n == 0 : !passes($n);
      $down = ""; next;
    }
  }
  my ($r, $w) = ("", "");
  vec($r, 0, 1) = 1 if length($down) < 4096;
  vec($r, $m, 1) = 1 if length($up) < 4096;
  vec($w, $m, 1) = 1 if length($down);
  vec($w, 1, 1) = 1 if length($up);
  next if select($r, $w, undef, undef) < 0;
  if (vec($r, 0, 1)) { my $n = sysread(STDIN, $down, 4096, length($down)); exit 0 if defined($n) ? $n == 0 : !passes($n) }
  if (vec($r, $m, 1)) {
    my $n = sysread($master, $up, 4096, length($up));
    if (defined($told) && !defined($n) && $! == EIO) { $shut = 1; $down = ""; next }
    exit 1 unless passes($n);
  }
  if (vec($w, $m, 1)) { my $n = syswrite($master, $down); exit 1 unless passes($n); substr($down, 0, $n || 0) = "" }
  if (vec($w, 1, 1)) { my $n = syswrite(STDOUT, $up); exit 0 unless passes($n); substr($up, 0, $n || 0) = "" }
}
`;
