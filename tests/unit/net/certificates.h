// Certificates made on the spot, for tests of TLS.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string>

#include "pgsaba/net/tls.h"

namespace pgsaba::testing {

inline std::string pem_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(bio);
  return text;
}

// Signed by itself; `names` in OpenSSL's words: "DNS:a.test,IP:127.0.0.1".
inline net::TlsIdentity make_identity(const std::string& common_name, const std::string& names) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = ::X509_new();
  ::X509_set_version(certificate, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
  ::X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  ::X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* subject = ::X509_get_subject_name(certificate);
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
  ::X509_set_issuer_name(certificate, subject);
  ::X509_set_pubkey(certificate, key);
  if (!names.empty()) {
    X509_EXTENSION* extension =
        ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    ::X509_add_ext(certificate, extension, -1);
    ::X509_EXTENSION_free(extension);
  }
  ::X509_sign(certificate, key, ::EVP_sha256());
  net::TlsIdentity identity;
  identity.name = common_name + ".crt";
  BIO* out = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_X509(out, certificate);
  identity.chain_pem = pem_text(out);
  out = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  identity.key_pem = pem_text(out);
  ::X509_free(certificate);
  ::EVP_PKEY_free(key);
  return identity;
}

}  // namespace pgsaba::testing
