# What two of Perl's parsers show of mails: a line of JSON for each path that
# comes in: [path, {parser: {from: [address...], text: [type|bytes...]}}].
use strict;
use warnings;
use JSON::PP;
use Mail::Address;
use MIME::Parser;
use Email::MIME;
use Email::Address::XS;

my $json = JSON::PP->new->ascii;

sub of_tools {
    my ($part, $text) = @_;
    return map { of_tools($_, $text) } $part->parts if $part->parts;
    my $type = $part->effective_type;
    push @$text, "$type|" . ($part->bodyhandle ? $part->bodyhandle->as_string : '')
        unless $type =~ /pkcs7/;
    return;
}

sub of_email {
    my ($part, $text) = @_;
    return map { of_email($_, $text) } $part->subparts if $part->subparts;
    my $type = lc($part->content_type // 'text/plain');
    $type =~ s/[;\s].*//s;
    push @$text, "$type|" . $part->body unless $type =~ /pkcs7/;
    return;
}

sub tools {
    my ($mail) = @_;
    my ($parser, @text) = (MIME::Parser->new);
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    $parser->extract_nested_messages(0);
    my $it = $parser->parse_data($mail);
    of_tools($it, \@text);
    return {from => [map { map { $_->address } Mail::Address->parse($_) }
                         $it->head->get_all('From')], text => \@text};
}

sub mime {
    my ($mail) = @_;
    my ($it, @text) = (Email::MIME->new($mail));
    of_email($it, \@text);
    return {from => [map { map { $_->address // '' }
                               Email::Address::XS->parse($_) }
                         $it->header_raw('From')], text => \@text};
}

while (my $path = <STDIN>) {
    chomp $path;
    open my $file, '<:raw', $path or die "$path: $!\n";
    my $mail = do { local $/; <$file> };
    my %shown;
    $shown{'MIME-tools'} = eval { tools($mail) };
    $shown{'Email::MIME'} = eval { mime($mail) };
    delete @shown{grep { !$shown{$_} } keys %shown};
    print $json->encode([$path, \%shown]), "\n";
}
