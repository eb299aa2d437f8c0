#!/usr/bin/perl
use strict;
my (%hits, %bytes, %last, $bad);
while (<>) {
    chomp;
    next if /^\s*(#|$)/;
    if (/^(\S+)\s+"(GET|POST)\s+([^"?\s]+)(?:\?[^"]*)?"\s+(\d{3})\s+(\d+|-)$/) {
        my ($host, $verb, $path, $code, $size) = ($1, $2, $3, $4, $5);
        $path =~ s{/+}{/}g;
        $path =~ s{(.)/$}{$1};
        my $key = $verb eq 'GET' ? $path : "$verb $path";
        $hits{$key}++;
        $bytes{$key} += $size eq '-' ? 0 : $size;
        $last{$key} = $host unless $code >= 400;
    } else {
        $bad++;
    }
}
foreach my $key (sort { $hits{$b} <=> $hits{$a} || $a cmp $b } keys %hits) {
    printf "%-20s %4d %8.1f %s\n", $key, $hits{$key}, $bytes{$key} / $hits{$key}, $last{$key} || '?';
}
print "bad: $bad\n" if $bad;
my @big = grep { $bytes{$_} > 1000 } sort { $bytes{$a} <=> $bytes{$b} || $b cmp $a } keys %bytes;
print "big: @big[-2..-1]\n" if @big >= 2;
print "big: $big[0]\n" if @big == 1;
