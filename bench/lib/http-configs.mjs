// nginx and HAProxy as HTTP proxies that do what lib/http-plan.mjs says.

import { allowed, answerField, host, requestField } from './http-plan.mjs';

const at = (target) => `${target.host}:${target.port}`;

/** Idle connections to the target that are kept: as many as the load has at a time, and more. */
const keptConnections = 512;
/** Where others say "no limit". */
const manyRequests = 1_000_000_000;

/** The file that both read their certificate from: HAProxy wants key and chain in one. */
export const httpFilesOf = ({ identity }) => (identity ? { 'identity.pem': identity.cert + identity.key } : {});

/** Everything but the `http` block's inside is the caller's. */
export function nginxHttpBlock(port, { target, identity, http2, grpc }, folder) {
  const ssl = identity
    ? [
        `ssl_certificate ${folder}/identity.pem;`,
        `ssl_certificate_key ${folder}/identity.pem;`,
        'ssl_protocols TLSv1.2 TLSv1.3;',
      ]
    : [];
  return [
    'http {',
    'access_log off;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`),
    'map $http_upgrade $connection_field { default upgrade; "" ""; }',
    `upstream target { server ${at(target)}; keepalive ${keptConnections}; keepalive_requests ${manyRequests}; }`,
    `server { listen 127.0.0.1:${port} backlog=4096${identity ? ' ssl' : ''}${http2 ? ' http2' : ''}; server_name ${host};`,
    ...ssl,
    `keepalive_requests ${manyRequests}; keepalive_timeout 1h;`,
    'client_max_body_size 0;',
    'location / {',
    `allow ${allowed}; deny all;`,
    ...(grpc ? grpcLocation : httpLocation),
    `add_header ${answerField.name} ${answerField.value};`,
    '} } }',
  ];
}

const httpLocation = [
  'proxy_pass http://target;',
  'proxy_http_version 1.1;',
  // Contents go on as they come, never to a disk: what the others do.
  'proxy_request_buffering off; proxy_max_temp_file_size 0;',
  'proxy_set_header Host $http_host;',
  'proxy_set_header Connection $connection_field; proxy_set_header Upgrade $http_upgrade;',
  'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header X-Forwarded-Host $http_host;',
  'proxy_set_header X-Forwarded-Port $server_port;',
  `proxy_set_header ${requestField.name} ${requestField.value};`,
];

const grpcLocation = [
  'grpc_pass grpc://target;',
  ...httpLocation.filter((line) => line.startsWith('proxy_set_header X-')).map((line) => line.replace('proxy', 'grpc')),
  'grpc_set_header Host $http_host;',
];

/** All sections. `limits` are lines for the global one. */
export function haproxyHttpConfig(port, { target, identity, http2, grpc }, folder, limits) {
  const alpn = http2 ? ' alpn h2,http/1.1' : '';
  const secure = identity ? ` ssl crt ${folder}/identity.pem${alpn}` : http2 ? ' proto h2' : '';
  return [
    'global',
    ' nbthread 1',
    ...limits,
    'defaults',
    ' mode http',
    ' option http-keep-alive',
    ' http-reuse always',
    ' timeout connect 10s',
    ' timeout client 1h',
    ' timeout server 1h',
    ' timeout http-request 10s',
    ' timeout tunnel 1h',
    'frontend front',
    ` bind 127.0.0.1:${port} backlog 4096${secure}`,
    ` http-request deny unless { src ${allowed} }`,
    ' option forwardfor',
    ` http-request set-header X-Forwarded-Proto ${identity ? 'https' : 'http'}`,
    ' http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    ' http-request set-header X-Forwarded-Port %[dst_port]',
    ` http-request set-header ${requestField.name} ${requestField.value}`,
    ` http-response set-header ${answerField.name} ${answerField.value}`,
    ` use_backend site if { hdr(host) -i ${host} } { path_beg / }`,
    'backend site',
    ` server s ${at(target)}${grpc ? ' proto h2' : ''}`,
    '',
  ].join('\n');
}
