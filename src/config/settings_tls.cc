// The rows of TLS, to clients and to servers.
#include <array>

#include "settings_table.h"

namespace pgsaba::config {
namespace {

using table::kMember;

constexpr std::string_view kVersions[] = {"1.2", "1.3"};
constexpr std::string_view kChannelBindings[] = {"disable", "prefer", "require"};

constexpr std::string_view kMinimumHelp = "The lowest TLS version.";
constexpr std::string_view kMaximumHelp = "The highest TLS version.";
constexpr std::string_view kCiphersHelp = "For TLS 1.2, in OpenSSL's words.";
constexpr std::string_view kCiphersuitesHelp = "For TLS 1.3, the preferred one first.";
constexpr std::string_view kCrlHelp =
    "The lists of revoked certificates: a PEM file with one of each authority in ca and of each in "
    "between, for without its list nothing that an authority has signed is believed. Read again by "
    "a reload.";
constexpr std::string_view kCrlDirectoryHelp = "The same in a directory: every file in it is read.";
constexpr std::string_view kCurvesHelp = "For the exchange of keys, the preferred one first.";

constexpr std::array kClientTls = {
    Setting{.name = "mode",
            .pgbouncer = "client_tls_sslmode",
            .kind = Kind::kChoice,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::mode>,
            .choices = kTlsModes,
            .help = "allow and prefer leave it to the client; require refuses clients without "
                    "TLS; verify-ca also those without a certificate signed by ca; verify-full "
                    "also those whose certificate's common name is not the user's. Without a "
                    "certificate of ours, only disable, allow and prefer are possible, and there "
                    "is no TLS."},
    Setting{.name = "certificate",
            .pgbouncer = "client_tls_cert_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::files,
                              &TlsFiles::certificate>,
            .help = "The certificate clients see, with the chain behind it: a PEM file."},
    Setting{
        .name = "key",
        .pgbouncer = "client_tls_key_file",
        .kind = Kind::kPath,
        .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::files, &TlsFiles::key>,
        .help = "Its key. The file must be ours, with mode 0600 or less, or root's, with 0640 "
                "or less."},
    Setting{.name = "ca",
            .pgbouncer = "client_tls_ca_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::ca>,
            .help = "Who signs clients' certificates. Clients are asked for one; a bad one is "
                    "refused, none is fine unless the mode says otherwise."},
    Setting{.name = "crl",
            .kind = Kind::kPath,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::crl>,
            .help = kCrlHelp},
    Setting{.name = "crl_directory",
            .kind = Kind::kPath,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::crl_directory>,
            .help = kCrlDirectoryHelp},
    Setting{.name = "minimum_version",
            .kind = Kind::kChoice,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::minimum_version>,
            .choices = kVersions,
            .help = kMinimumHelp},
    Setting{.name = "maximum_version",
            .kind = Kind::kChoice,
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::maximum_version>,
            .choices = kVersions,
            .help = kMaximumHelp},
    Setting{.name = "ciphers",
            .pgbouncer = "client_tls_ciphers",
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::ciphers>,
            .help = kCiphersHelp},
    Setting{.name = "ciphersuites",
            .pgbouncer = "client_tls13_ciphers",
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::ciphersuites>,
            .help = kCiphersuitesHelp},
    Setting{.name = "curves",
            .pgbouncer = "client_tls_ecdhcurve",
            .access = kMember<&Config::tls, &ClientTls::settings, &TlsSettings::curves>,
            .help = kCurvesHelp},
};

constexpr std::array kFiles = {
    Setting{.name = "certificate",
            .kind = Kind::kPath,
            .access = kMember<&TlsFiles::certificate>,
            .help = "As in tls."},
    Setting{.name = "key",
            .kind = Kind::kPath,
            .access = kMember<&TlsFiles::key>,
            .help = "As in tls."},
};

// Where a record of such settings stands: in a cluster, or for all of them in Config itself.
template <auto... Place>
constexpr std::array kServerTls = {
    Setting{.name = "mode",
            .pgbouncer = "server_tls_sslmode",
            .kind = Kind::kChoice,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::mode>,
            .changeable = Changeable::kReconnect,
            .choices = kTlsModes,
            .help = "As sslmode in PostgreSQL's own clients, but allow is the same as prefer: TLS "
                    "if the server has it and it works. Only verify-full keeps out whoever stands "
                    "in between; "
                    "verify-ca takes any certificate signed by ca."},
    Setting{.name = "ca",
            .pgbouncer = "server_tls_ca_file",
            .kind = Kind::kPath,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::ca>,
            .changeable = Changeable::kReconnect,
            .help = "Who signs the servers' certificates. Needed for verify-ca and verify-full."},
    Setting{.name = "crl",
            .kind = Kind::kPath,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::crl>,
            .changeable = Changeable::kReconnect,
            .help = kCrlHelp},
    Setting{.name = "crl_directory",
            .kind = Kind::kPath,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::crl_directory>,
            .changeable = Changeable::kReconnect,
            .help = kCrlDirectoryHelp},
    Setting{
        .name = "certificate",
        .pgbouncer = "server_tls_cert_file",
        .kind = Kind::kPath,
        .access =
            kMember<Place..., &ServerTls::settings, &TlsSettings::files, &TlsFiles::certificate>,
        .changeable = Changeable::kReconnect,
        .help = "The certificate shown to servers that ask for one."},
    Setting{.name = "key",
            .pgbouncer = "server_tls_key_file",
            .kind = Kind::kPath,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::files, &TlsFiles::key>,
            .changeable = Changeable::kReconnect,
            .help = "Its key, with modes as for tls.key."},
    Setting{.name = "minimum_version",
            .kind = Kind::kChoice,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::minimum_version>,
            .changeable = Changeable::kReconnect,
            .choices = kVersions,
            .help = kMinimumHelp},
    Setting{.name = "maximum_version",
            .kind = Kind::kChoice,
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::maximum_version>,
            .changeable = Changeable::kReconnect,
            .choices = kVersions,
            .help = kMaximumHelp},
    Setting{.name = "ciphers",
            .pgbouncer = "server_tls_ciphers",
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::ciphers>,
            .changeable = Changeable::kReconnect,
            .help = kCiphersHelp},
    Setting{.name = "ciphersuites",
            .pgbouncer = "server_tls13_ciphers",
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::ciphersuites>,
            .changeable = Changeable::kReconnect,
            .help = kCiphersuitesHelp},
    Setting{.name = "curves",
            .access = kMember<Place..., &ServerTls::settings, &TlsSettings::curves>,
            .changeable = Changeable::kReconnect,
            .help = kCurvesHelp},
    Setting{.name = "channel_binding",
            .kind = Kind::kChoice,
            .access = kMember<Place..., &ServerTls::channel_binding>,
            .changeable = Changeable::kReconnect,
            .choices = kChannelBindings,
            .help = "Whether a SCRAM login is bound to the server's certificate: if the server "
                    "offers it (prefer), or else not at all (require)."},
};

}  // namespace

std::span<const Setting> tls_settings() { return kClientTls; }
std::span<const Setting> tls_files_settings() { return kFiles; }
std::span<const Setting> cluster_tls_settings() { return kServerTls<>; }
std::span<const Setting> server_tls_settings() { return kServerTls<&Config::server_tls>; }

}  // namespace pgsaba::config
