package HL::Nginx;

# Copyright (C) the Hyperlight for nginx authors

# A real nginx with the module, in a temporary directory of its own:
#
#     my $nginx = HL::Nginx->new(http => '...', server => '...');
#     is($nginx->get('/')->{body}, 'hello');
#     $nginx->finish;
#
# The sections of the configuration are files, main.conf, http.conf and
# server.conf, so that nginx's messages count the lines of the test's text.
# Relative paths work in them: guests/, testguests/ and t-guests/ are those of
# the build.
#
# finish() ends every test file with what must hold whatever it tested: the
# workers are those that started, their descriptors are back to their number,
# nothing alarming was logged, nothing is left behind.
#
# Environment: TEST_NGINX_BINARY, TEST_NGINX_MODULE, TEST_NGINX_BUILD (the
# build folder), TEST_NGINX_GLOBALS (for the main context),
# TEST_NGINX_GLOBALS_HTTP (for http), TEST_NGINX_LEAVE (keep the directory),
# TEST_NGINX_CATLOG (print the error log, whose end is printed anyway when
# something was not in order), TEST_NGINX_SANITIZED (the module was built with
# sanitizers: see t/asan.mk).

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

use HL::Client;

use parent qw(HL::Logs HL::Processes);

use constant TIMEOUT => 15;

# Whom the workers become, if they are started by root: Debian's choice.
use constant USER => 'www-data';

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $build = $ENV{TEST_NGINX_BUILD} || "$top/build";
my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = $ENV{TEST_NGINX_MODULE}
             || "$build/ngx_http_hyperlight_module.so";

my @all;


# Sections: main, http, server.  Others: log_level (info), workers (1),
# connections (512, of a worker), daemon (off; on: the caller starts it),
# start (1), check_restore (1; 0 in tests that count or measure what a request
# costs), binary (nginx, and what comes before its own arguments) and module
# (""; for one without it).  "wrap" is a command that the master is started
# through.

sub new {
    my ($class, %o) = @_;

    my $self = bless {
        dir       => File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1,
                                        CLEANUP => !$ENV{TEST_NGINX_LEAVE}),
        log_level => 'info',
        workers   => 1,
        connections => 512,
        daemon    => 'off',
        start     => 1,
        check_restore => 1,
        binary    => [$binary],
        module    => $module,
        wrap      => [],
        allowed   => [],
        %o,
    }, $class;

    push @all, $self;

    $self->prepare;
    $self->configure(%o);
    $self->start if $self->{start};

    return $self;
}


sub dir   { return "$_[0]{dir}" }
sub port  { return $_[0]{port} }
sub top   { return $top }
sub build { return $build }


sub prepare {
    my ($self) = @_;

    my $dir = $self->dir;

    chmod 0755, $dir or croak "chmod $dir: $!";

    my %links = (guests => 'guests', testguests => 'testguests',
                 't-guests' => 't/guests');

    while (my ($name, $folder) = each %links) {
        symlink "$build/$folder", "$dir/$name" or croak "symlink $name: $!";
    }

    # Workers write there: a core, should it come to that.
    mkdir "$dir/cwd" or croak "mkdir $dir/cwd: $!";
    chmod 0777, "$dir/cwd" or croak "chmod $dir/cwd: $!";

    $self->{port} = free_port();
}


# A port that nobody listens on, outside the range from which clients get
# theirs, and another one in each process that runs at the same time.

my $next_port = 0;

sub free_port {
    for (1 .. 1000) {
        my $port = 10000 + ($$ * 16 + $next_port++) % 20000;

        my $socket = IO::Socket::INET->new(
            Listen    => 1,
            LocalAddr => '127.0.0.1',
            LocalPort => $port,
            Proto     => 'tcp',
            ReuseAddr => 1,
        );

        return $port if $socket;
    }

    croak 'no free port';
}


# Replaces the given sections; reload() or start() makes them count.

sub configure {
    my ($self, %o) = @_;

    my $dir = $self->dir;
    my $user = $> == 0 ? 'user ' . USER . ';' : '';
    my $globals = $ENV{TEST_NGINX_GLOBALS} || '';
    my $globals_http = $ENV{TEST_NGINX_GLOBALS_HTTP} || '';
    my $load = $self->{module} ? "load_module $self->{module};" : '';
    my $check = $self->{check_restore} ? 'hyperlight_check_restore on;' : '';

    for my $section (qw(main http server)) {
        $self->{$section} = $o{$section} if defined $o{$section};
        $self->write_file("$section.conf", $self->{$section} || '');
    }

    my $temp = join "\n    ",
        map { "${_}_temp_path $dir/temp_$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);

    $self->write_file('nginx.conf', <<"EOT");
daemon $self->{daemon};
$user
worker_processes $self->{workers};
worker_rlimit_core 100m;
working_directory $dir/cwd;
pid $dir/nginx.pid;
error_log $dir/error.log $self->{log_level};
$load
$globals
include main.conf;

events {
    worker_connections $self->{connections};
}

http {
    access_log off;
    $temp
    $check
    $globals_http
    include http.conf;

    server {
        listen 127.0.0.1:$self->{port};
        server_name localhost;
        include server.conf;
    }
}
EOT
}


sub write_file {
    my ($self, $name, $text) = @_;

    my $path = $self->dir . "/$name";

    open my $file, '>', $path or croak "open $path: $!";
    binmode $file;
    print $file $text;
    CORE::close $file or croak "write $path: $!";

    return $path;
}


sub read_file {
    my ($self, $name) = @_;

    open my $file, '<', $self->dir . "/$name" or return '';
    binmode $file;
    local $/;

    return scalar <$file> // '';
}


# ---- the process ----------------------------------------------------------

sub command {
    my ($self, @arguments) = @_;

    return (@{ $self->{wrap} }, @{ $self->{binary} }, '-p', $self->dir . '/',
            '-c', 'nginx.conf', @arguments);
}


sub spawn {
    my ($self, @command) = @_;

    my $pid = fork;
    croak "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->dir . '/stderr';
        open STDERR, '>&', \*STDOUT;

        # What the test was started with would count as nginx's own.
        POSIX::close($_) for grep { $_ > 2 }
                             map { m{(\d+)$} } glob '/proc/self/fd/*';

        # glibc overwrites what is freed: who still uses it is found out.
        $ENV{MALLOC_PERTURB_} //= 165;

        exec @command or POSIX::_exit(127);
    }

    return $pid;
}


sub start {
    my ($self) = @_;

    !$self->{module} || -f $self->{module}
        or croak "$self->{module} is missing: run make first";

    # setpriv: should this process be killed, nginx ends with it.
    $self->{pid} = $self->spawn('setpriv', '--pdeathsig', 'TERM',
                                $self->command);

    if (!wait_for(sub { $self->has_exited || $self->is_up })
        || !defined $self->{pid})
    {
        croak "nginx does not start:\n", $self->read_file('stderr'),
              $self->read_file('error.log');
    }

    $self->set_baseline;
}


sub has_exited {
    my ($self) = @_;

    if ($self->{pid} && waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{exit} = $?;
        delete $self->{pid};
    }

    return !$self->{pid};
}


sub is_up {
    my ($self) = @_;

    return $self->workers == $self->{workers};
}


# Runs "nginx -t" on the current configuration: its exit code, and its
# messages, without time and process, and without the directory's name.

sub check_configuration {
    my ($self) = @_;

    my $pid = $self->spawn($self->command('-t'));
    waitpid $pid, 0;
    my $code = $? >> 8;

    my $text = $self->read_file('stderr');
    my $dir = $self->dir;

    $text =~ s/\Q$dir\E\///g;

    unlink "$dir/stderr";

    return ($code, map { HL::Logs::plain($_) } split /\n/, $text);
}


sub signal {
    my ($self, $name) = @_;

    kill $name, $self->{pid} or croak "kill -$name $self->{pid}: $!";
}


# HUP, and waits until the old workers are gone and the new ones are there.

sub reload {
    my ($self, $timeout) = @_;

    my %old = map { $_ => 1 } $self->children;

    $self->signal('HUP');

    my $reloaded = sub {
        return 0 if grep { $old{$_} } $self->children;
        return $self->is_up;
    };

    wait_for(sub { $self->has_exited || $reloaded->() }, $timeout);

    if (!$reloaded->()) {
        croak 'nginx does not reload: ',
              $self->{pid} ? 'it runs' : "it died, $self->{exit}",
              map({ "\n$_ " . HL::Processes::title($_) } $self->children),
              "\n", $self->log_text;
    }

    $self->set_baseline;
}


# Ends nginx, returns its status as in $?.

sub stop {
    my ($self, $signal) = @_;

    return $self->{exit} if $self->has_exited;

    $self->signal($signal || 'QUIT');

    if (!wait_for(sub { $self->has_exited })) {
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;
        delete $self->{pid};
        $self->{exit} = 'it had to be killed';
    }

    return $self->{exit};
}


END {
    my $status = $?;

    for my $nginx (@all) {
        $nginx->stop('TERM');
        kill 'KILL', $nginx->orphans;
    }

    $? = $status;
}

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };


# Polls until the condition holds, true then; false after TIMEOUT.

sub wait_for {
    my ($condition, $timeout) = @_;

    my $end = time + ($timeout || TIMEOUT);

    until ($condition->()) {
        return 0 if time > $end;
        sleep 0.01;
    }

    return 1;
}


# ---- requests -------------------------------------------------------------

sub connect {
    my ($self) = @_;

    return HL::Client->new($self->{port});
}


# One request on a connection of its own; options as HL::Client::request.

sub request {
    my ($self, $method, $uri, %o) = @_;

    my $client = $self->connect;

    $client->request($method, $uri, %o,
                     headers => ['Connection: close',
                                 @{ $o{headers} || [] }]);

    return $client->response(head => $method eq 'HEAD');
}


sub get {
    my ($self, $uri, @headers) = @_;

    return $self->request('GET', $uri, headers => \@headers);
}


sub post {
    my ($self, $uri, $body, @headers) = @_;

    return $self->request('POST', $uri, body => $body, headers => \@headers);
}


# A GET whose response is read later, from the client that is returned.  It
# has been read by the worker when the next one, sent later, is answered.

sub started {
    my ($self, $uri, $next) = @_;

    my $client = $self->connect;

    $client->request('GET', $uri);
    $self->get($next) if defined $next;

    return $client;
}


# ---- the end --------------------------------------------------------------

sub finish {
    my ($self) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $in_order = subtest 'nginx is left in order' => sub {
        is_deeply([$self->workers], [sort { $a <=> $b }
                                     keys %{ $self->{baseline} }],
                  'the workers are those that were started');
        $self->check_descriptors('no descriptor is left open');
        is_deeply([glob $self->dir . '/temp_*/*'], [],
                  'no temporary file is left');
        is($self->stop, 0, 'nginx stops when told to');
        is_deeply([$self->orphans], [], 'with all of its workers');
        $self->check_log;
        is_deeply([glob $self->dir . '/cwd/*'], [], 'no core was dumped');
    };

    my @lines = split /^/, ($self->{log_seen} // '') . $self->log_text;

    if ($ENV{TEST_NGINX_CATLOG}) {
        diag(@lines);

    } elsif (!$in_order) {
        diag(@lines > 50 ? @lines[-50 .. -1] : @lines);
    }
}


1;
