#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# The witness from outside: a host under emulation says where a hidden and a
# kept file's pages are, and the emulator walks that host's page tables for
# their direct-map addresses. The kernel under test has no say in the answer.
use strict;
use warnings;
no warnings "portable";	# addresses have 64 bits
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $socket = tempdir(CLEANUP => 1) . '/qmp';

# Host without KASLR only to be able to check the base; without page table
# isolation, so that any CPU's tables at any moment show the kernel's half.
# What it says when its host goes away is no news: we send it away.
my $pid = open(my $host, '-|', 'sh', '-c', 'exec "$@" 2>/dev/null', 'sh',
	"$top/hostvm/run",
	'--kernel', $ENV{KERNEL} // '6.12', '--qmp', $socket,
	'--append', 'nokaslr nopti', '--',
	'/opt/gmemfs/tests/module/witness', 'outside') or die "hostvm/run: $!";

my %at;
while (my $line = <$host>) {
	last if $line =~ /^ready/;
	$at{$1} = hex($2) if $line =~ /^(\S+) ([0-9a-f]+)$/;
}
is(scalar(keys %at), 5, 'the host says where its pages are')
	or BAIL_OUT('no answer from the host');

my $qmp = IO::Socket::UNIX->new(Peer => $socket)
	or BAIL_OUT("can't reach the emulator at $socket: $!");
<$qmp>;
sub ask {
	my ($json) = @_;
	print $qmp "$json\n";
	while (my $answer = <$qmp>) {
		return $answer if $answer =~ /"(return|error)"/;
	}
	return '';
}
ask('{"execute": "qmp_capabilities"}');

# "gpa: 0x..." for an address that is mapped, "Unmapped" for one that isn't.
sub walk {
	my ($pfn) = @_;
	my $address = sprintf('0x%x', $at{base} + $pfn * 4096);
	my $answer = ask('{"execute": "human-monitor-command", "arguments": ' .
		qq({"command-line": "gva2gpa $address"}}));
	return 'hidden' if $answer =~ /Unmapped/;
	return hex($1) == $pfn * 4096 ? 'mapped' : "elsewhere: $1"
		if $answer =~ /gpa: (0x[0-9a-f]+)/;
	return $answer;
}

my %slots = ('block' => [0, 1, 255, 511], 'page' => [0]);
for my $kind ('block', 'page') {
	for my $slot (@{$slots{$kind}}) {
		is(walk($at{"kept-$kind"} + $slot), 'mapped',
			"kept $kind, page $slot: in the direct map");
		is(walk($at{"hidden-$kind"} + $slot), 'hidden',
			"hidden $kind, page $slot: not in the direct map");
	}
}
# The hidden page is in a block that was hidden as a whole, which may be the one before.
my $next = $at{'hidden-block'} - 1;
$next = $at{'hidden-block'} + 512 if $next >> 9 == $at{'hidden-page'} >> 9;
is(walk($next), 'mapped', 'a page beside a hidden block');

# 125: it ended without a status, as we ended it; 99 would be a kernel report.
print $qmp qq({"execute": "quit"}\n);
1 while <$host>;
close($host);
is($? >> 8, 125, 'and the host kernel reported nothing');
done_testing();
