/*
 * What is a request and what is not, however its bytes are cut. The refused
 * ones stand before a request that must never be served: a smuggled one.
 */
#include "http_kit.h"

#define RAW(literal) \
  { (literal), sizeof(literal) - 1 }
#define HOST     "Host: example.org\r\n"
#define GET      "GET / HTTP/1.1\r\n" HOST
#define POST     "POST /p HTTP/1.1\r\n" HOST
#define CHUNKED  POST "Transfer-Encoding: chunked\r\n\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: evil.example\r\n\r\n"

/* --- Served ------------------------------------------------------------------- */

typedef struct served {
  sj_slice request;
  const char *understood; /* see kit_describe */
} served;

static const served targets[] = {
    {RAW(GET "\r\n"), "GET example.org / "},
    {RAW("GET /a/b%2Fc?x=1&y HTTP/1.1\r\n" HOST "\r\n"), "GET example.org /a/b%2Fc?x=1&y "},
    {RAW("GET /? HTTP/1.1\r\n" HOST "\r\n"), "GET example.org /? "},
    {RAW("GET //x/../y;p=1/@:!$&'()*+,=?a/b?c HTTP/1.1\r\n" HOST "\r\n"),
     "GET example.org //x/../y;p=1/@:!$&'()*+,=?a/b?c "},
    {RAW("GET http://other.example/x?y HTTP/1.1\r\n" HOST "\r\n"), "GET other.example /x?y "},
    {RAW("GET HTTPS://other.example:8443 HTTP/1.1\r\n" HOST "\r\n"), "GET other.example:8443 / "},
    {RAW("GET http://[::1]?q HTTP/1.1\r\n" HOST "\r\n"), "GET [::1] /?q "},
    {RAW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS example.org * "},
    {RAW("PROPFIND / HTTP/1.1\r\n" HOST "\r\n"), "PROPFIND example.org / "},
    {RAW("GET / HTTP/1.1\r\nhOsT:example.org:8080\r\n\r\n"), "GET example.org:8080 / "},
    {RAW("GET / HTTP/1.1\r\nHost: \t [2001:db8::7]:80 \t\r\n\r\n"), "GET [2001:db8::7]:80 / "},
    {RAW("GET / HTTP/1.1\r\nHost: 127.0.0.1:\r\n\r\n"), "GET 127.0.0.1: / "},
    {RAW("GET / HTTP/1.0\r\n\r\n"), "GET  / "},
    {RAW("GET / HTTP/1.0\r\n" HOST "\r\n"), "GET example.org / "},
    {RAW("\r\n" GET "\r\n"), "GET example.org / "},
};

static const served fields[] = {
    {RAW(GET "X: \xc3\xa9\xff\t tab\r\n\r\n"), "GET example.org / "},
    {RAW(GET "X:\r\nY: \t\r\n\r\n"), "GET example.org / "},
    {RAW(GET "!#$%&'*+-.^_`|~09aZ: every token character\r\n\r\n"), "GET example.org / "},
    {RAW(GET "Content_Length: 99\r\nTransfer_Encoding: x\r\n\r\n"), "GET example.org / "},
    {RAW(GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"),
     "GET example.org / "},
    {RAW(GET "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"), "GET example.org / "},
};

static const served bodies[] = {
    {RAW(POST "Content-Length: 5\r\n\r\nhello"), "POST example.org /p hello"},
    {RAW(POST "Content-Length:\t5 \r\n\r\nhello"), "POST example.org /p hello"},
    {RAW(POST "content-length: 0005\r\n\r\nhello"), "POST example.org /p hello"},
    {RAW(POST "Content-Length: 0\r\n\r\n"), "POST example.org /p "},
    {RAW(POST "Content-Length: 4\r\n\r\n\0\r\n\xff"), NULL},
    {RAW(POST "\r\n"), "POST example.org /p "},
    {RAW("GET /p HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"), "GET example.org /p hi"},
    {RAW("POST /p HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"), "POST  /p hi"},
    {RAW(CHUNKED "0\r\n\r\n"), "POST example.org /p "},
    {RAW(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), "POST example.org /p hello"},
    {RAW(CHUNKED "1\r\na\r\n00A\r\n0123456789\r\n0000\r\n\r\n"), "POST example.org /p a0123456789"},
    {RAW(CHUNKED "5;a\r\nhello\r\n0;b=c;d=\"e;f\"\r\n\r\n"), "POST example.org /p hello"},
    {RAW(CHUNKED "5\r\nhello\r\n0\r\nX: y\r\nHost: z\r\n\r\n"), "POST example.org /p hello"},
    {RAW(POST "tRANSFER-eNCODING:  Chunked \r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
     "POST example.org /p hi"},
};

static void serve_one(const served *expected, unsigned way) {
  kit_site site;
  kit_client client;
  kit_site_open(&site, way);
  kit_connect(&site, &client);
  kit_send(&client, expected->request);
  kit_pass(&site, 200);
  assert_int_equal(site.handled, 1);
  kit_response response = kit_only(&client);
  assert_int_equal(response.status, 200);
  if (expected->understood != NULL) {
    assert_slice_text(response.body, expected->understood);
  } else {
    assert_true(sj__slice_equal(response.body, (sj_slice)RAW("POST example.org /p \0\r\n\xff")));
  }
  kit_leave(&client);
  kit_site_close(&site);
}

static void serve_all(const served *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    print_message("%zu: %s\n", i, cases[i].request.data);
    for (unsigned way = 0; way < KIT_CUTS; way++) serve_one(&cases[i], way);
  }
}

static void targets_are_understood(void **state) {
  serve_all(targets, SJ__COUNT_OF(targets));
}

static void fields_are_understood(void **state) {
  serve_all(fields, SJ__COUNT_OF(fields));
}

static void bodies_are_understood(void **state) {
  serve_all(bodies, SJ__COUNT_OF(bodies));
}

/* All of them in one run of bytes: where one request ends and the next begins. */
static void requests_follow_each_other(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_site site;
    kit_client client;
    kit_site_open(&site, way);
    kit_connect(&site, &client);
    for (size_t i = 0; i < SJ__COUNT_OF(bodies); i++) {
      if (!kit_has(bodies[i].request, "HTTP/1.0")) kit_send(&client, bodies[i].request);
    }
    kit_pass(&site, 500);
    assert_int_equal(site.handled, SJ__COUNT_OF(bodies) - 1);
    sj_slice rest = sj__buffer_slice(&client.received);
    kit_response response;
    for (size_t i = 0; i < SJ__COUNT_OF(bodies); i++) {
      if (kit_has(bodies[i].request, "HTTP/1.0")) continue;
      assert_true(kit_take(&rest, false, &response));
      if (bodies[i].understood != NULL) assert_slice_text(response.body, bodies[i].understood);
    }
    assert_int_equal(rest.size, 0);
    kit_leave(&client);
    kit_site_close(&site);
  }
}

/* --- Refused -------------------------------------------------------------------- */

typedef struct refused {
  int status;
  sj_slice request;
} refused;

static const refused lengths[] = {
    {400, RAW(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")},
    {400, RAW(POST "Content-Length: 5\r\nX: y\r\ncontent-length: 0\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 5, 5\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 5,\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: +5\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: -5\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 0x5\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 5.0\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 5 0\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 5;\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: \"5\"\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: five\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: \xd9\xa5\r\n\r\nhello")},
    {400, RAW(POST "Content-Length:\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: \t \r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 18446744073709551616\r\n\r\nhello")},
    {400, RAW(POST "Content-Length: 99999999999999999999999999\r\n\r\nhello")},
    {413, RAW(POST "Content-Length: 18446744073709551615\r\n\r\nhello")},
    {413, RAW(POST "Content-Length: 65537\r\n\r\nhello")},
    {413, RAW(POST "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n")},
    {413, RAW("GET / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n")},
};

static const refused codings[] = {
    {400, RAW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello")},
    {400, RAW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: identity\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: gzip\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chun\tked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding:\r\n\r\n")},
    {400, RAW(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")},
    {400, RAW("POST /p HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {417, RAW(POST "Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello")},
    {417, RAW(POST "Expect:\r\nContent-Length: 5\r\n\r\nhello")},
    {417, RAW(POST "Expect: 100-continue, x\r\nContent-Length: 5\r\n\r\nhello")},
    {417, RAW(POST "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")},
};

static const refused chunks[] = {
    {400, RAW(CHUNKED "g\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED ";a\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED " 5\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5 \r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5\t\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5 ;a\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "+5\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "-5\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5_0\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5,5\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "10000000000000000\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n")},
    {413, RAW(CHUNKED "ffffffffffffffff\r\nhello\r\n0\r\n\r\n")},
    {413, RAW(CHUNKED "7fffffff\r\nhello\r\n0\r\n\r\n")},
    {413, RAW(CHUNKED "10001\r\nhello\r\n0\r\n\r\n")},
    {413, RAW(CHUNKED "5\r\nhello\r\nfffc\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5\rhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\nhello0\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\nhello\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\nhello\r0\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\nhello!\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "4\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;a\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;a\0\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;a=\x01\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "5;a=\"b\r\nhello\r\n0\r\n\r\n")},
    {400, RAW(CHUNKED "0\n\n")},
    {400, RAW(CHUNKED "0\r\n\n")},
    {400, RAW(CHUNKED "0\r\n\rX")},
    {400, RAW(CHUNKED "0\r\nX: y\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX: y\r\n\n")},
    {400, RAW(CHUNKED "0\r\nX: y\r\n\rX\n")},
    {400, RAW(CHUNKED "0\r\nX: y\rz\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX : y\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\n: y\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\n X: y\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX: y\r\n z\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX: \0\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX: \x7f\r\n\r\n")},
    {400, RAW(CHUNKED "0\r\nX: y\r\nGET / HTTP/1.1\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n")},
    {400, RAW(CHUNKED "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")},
};

static const refused lines[] = {
    {400, RAW("GET / HTTP/1.1\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: example.org\n\r\n")},
    {400, RAW(GET "\n")},
    {400, RAW(GET "X: y\r\n\n")},
    {400, RAW("\nGET / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("\r\n\r\n" GET "\r\n")},
    {400, RAW("\rGET / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1\r" HOST "\r\n")},
    {400, RAW("GET /\r HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW(GET "X: a\rb\r\n\r\n")},
    {400, RAW(GET "X: a\r\r\n\r\n")},
    {400, RAW(GET "X\r: a\r\n\r\n")},
    {400, RAW(GET "\rX: y\r\n\r\n")},
    {400, RAW(GET "X: y\r\n\rZ: y\r\n\r\n")},
    {400, RAW(GET "X: a\r\n b\r\n\r\n")},
    {400, RAW(GET "X: a\r\n\tb\r\n\r\n")},
    {400, RAW(GET "X: a\r\n \r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\n " HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1\r\n\t" HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost : example.org\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost\t: example.org\r\n\r\n")},
    {400, RAW(GET "X y: z\r\n\r\n")},
    {400, RAW(GET "X\r\n\r\n")},
    {400, RAW(GET ": y\r\n\r\n")},
    {400, RAW(GET "X(: y\r\n\r\n")},
    {400, RAW(GET "X\"y\": z\r\n\r\n")},
    {400, RAW(GET "X\xc3\xa9: y\r\n\r\n")},
    {400, RAW(GET "X\0: y\r\n\r\n")},
    {400, RAW(GET "X: y\0z\r\n\r\n")},
    {400, RAW(GET "X: y\x01\r\n\r\n")},
    {400, RAW(GET "X: y\x1b[0m\r\n\r\n")},
    {400, RAW(GET "X: y\x7f\r\n\r\n")},
    {400, RAW(GET "X: y\x0b\r\n\r\n")},
};

static const refused request_lines[] = {
    {400, RAW("GET  / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /  HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1 \r\n" HOST "\r\n")},
    {400, RAW(" GET / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET\t/\tHTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /\x0bHTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /\r\n")},
    {400, RAW("GET\r\n" HOST "\r\n")},
    {400, RAW("GET / \r\n" HOST "\r\n")},
    {400, RAW("GET / http/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/1\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/1.10\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/01.1\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTP/1,1\r\n" HOST "\r\n")},
    {400, RAW("GET / HTTPS/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET / ICE/1.0\r\n" HOST "\r\n")},
    {400, RAW("GET / x HTTP/1.1\r\n" HOST "\r\n")},
    {505, RAW("GET / HTTP/1.2\r\n" HOST "\r\n")},
    {505, RAW("GET / HTTP/0.9\r\n" HOST "\r\n")},
    {505, RAW("GET / HTTP/2.0\r\n" HOST "\r\n")},
    {505, RAW("GET / HTTP/9.9\r\n" HOST "\r\n")},
    {505, RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    {501, RAW("TRACE / HTTP/1.1\r\n" HOST "\r\n")},
    {501, RAW("CONNECT example.org:443 HTTP/1.1\r\n" HOST "\r\n")},
    {501, RAW("CONNECT / HTTP/1.1\r\n" HOST "\r\n")},
    {501, RAW("FROB / HTTP/1.1\r\n" HOST "\r\n")},
    {501, RAW("get / HTTP/1.1\r\n" HOST "\r\n")},
    {501, RAW("GETT / HTTP/1.1\r\n" HOST "\r\n")},
    {501, RAW("DESCRIBE / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("G(T / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("G\xc9T / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("\xef\xbb\xbfGET / HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET foo HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET ?x HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET * HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("OPTIONS ** HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET example.org:80 HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET ftp://example.org/ HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET http:/example.org/ HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET http:// HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET http:///x HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET http://u:p@example.org/ HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET http://a b/ HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET http://example.org/ HTTP/1.1\r\n\r\n")},
    {400, RAW("GET /a#b HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /?\xff HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /%zz HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /%4 HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /?a=%\r\n HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /\\x HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /<x> HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /{x} HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /\0 HTTP/1.1\r\n" HOST "\r\n")},
    {400, RAW("GET /\x7f HTTP/1.1\r\n" HOST "\r\n")},
};

static const refused hosts[] = {
    {400, RAW("GET / HTTP/1.1\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\n" HOST HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1\r\n" HOST "host: evil.example\r\n\r\n")},
    {400, RAW("GET / HTTP/1.0\r\n" HOST HOST "\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: :80\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: []\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: [::1%25eth0]\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: a%2\r\n\r\n")},
    {400, RAW("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n")},
    {400, RAW("GET http://good.example/ HTTP/1.1\r\nHost: a b\r\n\r\n")},
};

/* What isn't HTTP at all: TLS, SOCKS, SSH, a response, noise. */
static const refused strangers[] = {
    {400, RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
    {400, RAW("\x05\x01\x00")},
    {400, RAW("SSH-2.0-OpenSSH_9.2\r\n")},
    {400, RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
    {400, RAW("*1\r\n$4\r\nPING\r\n")},
    {400, RAW("<policy-file-request/>\0\r\n")},
    {400, RAW("\0\0\0\0\0\0\0\0")},
    {400, RAW("\xff\xfe\xfd\xfc\r\n")},
    {400, RAW("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
    {400, RAW("\r\n\r\n\0\r\nQUIT\n")},
};

static void assert_refusal(const kit_response *response, int status) {
  char member[32];
  snprintf(member, sizeof(member), "\"status\":%d,", status);
  assert_int_equal(response->status, status);
  assert_true(kit_has(response->head, "\r\nContent-Type: application/problem+json\r\n"));
  assert_true(kit_has(response->head, "\r\nConnection: close\r\n"));
  assert_false(kit_has(response->head, "Server"));
  assert_true(kit_has(response->body, member));
  assert_true(response->body.data[response->body.size - 1] == '}');
}

/* After a good request, which is served; before another, which isn't. */
static void refuse_one(const refused *expected, unsigned way, bool after_good) {
  kit_site site;
  kit_client client;
  kit_response response;
  kit_site_open(&site, way);
  kit_connect(&site, &client);
  if (after_good) kit_say(&client, GET "\r\n");
  kit_send(&client, expected->request);
  kit_say(&client, SMUGGLED);
  kit_pass(&site, 200);
  sj_slice rest = sj__buffer_slice(&client.received);
  if (after_good) {
    assert_true(kit_take(&rest, false, &response));
    assert_int_equal(response.status, 200);
  }
  assert_true(kit_take(&rest, false, &response));
  assert_refusal(&response, expected->status);
  assert_int_equal(rest.size, 0);
  assert_int_equal(site.handled, after_good);
  assert_true(client.ended);
  assert_int_equal(client.why, SJ_CLOSED); /* in order: the reply is not lost to a reset */
  kit_leave(&client);
  kit_site_close(&site);
}

static void refuse_all(const refused *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    print_message("%d %zu: %s\n", cases[i].status, i, cases[i].request.data);
    for (unsigned way = 0; way < KIT_CUTS; way++) {
      refuse_one(&cases[i], way, false);
      /* An empty line may stand before the first line of what follows: not of these. */
      refuse_one(&cases[i], way, true);
    }
  }
}

static void lengths_are_strict(void **state) {
  refuse_all(lengths, SJ__COUNT_OF(lengths));
}

static void codings_are_strict(void **state) {
  refuse_all(codings, SJ__COUNT_OF(codings));
}

static void chunks_are_strict(void **state) {
  refuse_all(chunks, SJ__COUNT_OF(chunks));
}

static void lines_are_strict(void **state) {
  refuse_all(lines, SJ__COUNT_OF(lines));
}

static void request_lines_are_strict(void **state) {
  refuse_all(request_lines, SJ__COUNT_OF(request_lines));
}

static void hosts_are_strict(void **state) {
  refuse_all(hosts, SJ__COUNT_OF(hosts));
}

static void strangers_are_refused(void **state) {
  refuse_all(strangers, SJ__COUNT_OF(strangers));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_HTTP(targets_are_understood),   KIT_HTTP(fields_are_understood),
      KIT_HTTP(bodies_are_understood),    KIT_HTTP(requests_follow_each_other),
      KIT_HTTP(lengths_are_strict),       KIT_HTTP(codings_are_strict),
      KIT_HTTP(chunks_are_strict),        KIT_HTTP(lines_are_strict),
      KIT_HTTP(request_lines_are_strict), KIT_HTTP(hosts_are_strict),
      KIT_HTTP(strangers_are_refused),
  };
  return cmocka_run_group_tests(tests, kit_count_memory, NULL);
}
