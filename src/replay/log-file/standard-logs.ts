import { type FieldType, parseFieldType } from '../../zeek/field-type.js';

/**
 * The fields of Zeek's own logs, for JSON logs, which tell no types: each log's path, its stream, and its
 * fields with their types. Made from what Zeek 8.2.2 announces (LogCreate) in the recordings of pcaps/; a
 * test holds the two together.
 */
const LOGS = `
broker Broker::LOG
  ts:time ty:enum ev:string peer.address:string peer.bound_port:port message:string
cluster Cluster::LOG
  ts:time node:string message:string
conn Conn::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port proto:enum service:string
  duration:interval orig_bytes:count resp_bytes:count conn_state:string local_orig:bool local_resp:bool
  missed_bytes:count history:string orig_pkts:count orig_ip_bytes:count resp_pkts:count
  resp_ip_bytes:count tunnel_parents:set[string] ip_proto:count community_id:string vlan:int
  inner_vlan:int orig_l2_addr:string resp_l2_addr:string
dhcp DHCP::LOG
  ts:time uids:set[string] client_addr:addr server_addr:addr mac:string host_name:string
  client_fqdn:string domain:string requested_addr:addr assigned_addr:addr lease_time:interval
  client_message:string server_message:string msg_types:vector[string] duration:interval
dns DNS::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port proto:enum trans_id:count
  rtt:interval query:string qclass:count qclass_name:string qtype:count qtype_name:string rcode:count
  rcode_name:string AA:bool TC:bool RD:bool RA:bool Z:count answers:vector[string] TTLs:vector[interval]
  rejected:bool opcode:count opcode_name:string
files Files::LOG
  ts:time fuid:string uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port source:string
  depth:count analyzers:set[string] mime_type:string filename:string duration:interval local_orig:bool
  is_orig:bool seen_bytes:count total_bytes:count missing_bytes:count overflow_bytes:count timedout:bool
  parent_fuid:string md5:string sha1:string sha256:string extracted:string extracted_cutoff:bool
  extracted_size:count
ftp FTP::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port user:string
  password:string command:string arg:string mime_type:string file_size:count reply_code:count
  reply_msg:string data_channel.passive:bool data_channel.orig_h:addr data_channel.resp_h:addr
  data_channel.resp_p:port fuid:string
http HTTP::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port trans_depth:count
  method:string host:string uri:string referrer:string version:string user_agent:string origin:string
  request_body_len:count response_body_len:count status_code:count status_msg:string info_code:count
  info_msg:string tags:set[enum] username:string password:string proxied:set[string]
  orig_fuids:vector[string] orig_filenames:vector[string] orig_mime_types:vector[string]
  resp_fuids:vector[string] resp_filenames:vector[string] resp_mime_types:vector[string]
irc IRC::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port nick:string user:string
  command:string value:string addl:string dcc_file_name:string dcc_file_size:count dcc_mime_type:string
  fuid:string
known_hosts Known::HOSTS_LOG
  ts:time host:addr
known_services Known::SERVICES_LOG
  ts:time host:addr port_num:port port_proto:enum service:set[string]
notice Notice::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port fuid:string
  file_mime_type:string file_desc:string proto:enum note:enum msg:string sub:string src:addr dst:addr
  p:port n:count peer_descr:string actions:set[enum] email_dest:set[string] suppress_for:interval
  remote_location.country_code:string remote_location.region:string remote_location.city:string
  remote_location.latitude:double remote_location.longitude:double community_id:string
ntp NTP::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port version:count mode:count
  stratum:count poll:interval precision:interval root_delay:interval root_disp:interval ref_id:string
  ref_time:time org_time:time rec_time:time xmt_time:time num_exts:count
ocsp OCSP::LOG
  ts:time id:string hashAlgorithm:string issuerNameHash:string issuerKeyHash:string serialNumber:string
  certStatus:string revoketime:time revokereason:string thisUpdate:time nextUpdate:time
packet_filter PacketFilter::LOG
  ts:time node:string filter:string init:bool success:bool failure_reason:string
reporter Reporter::LOG
  ts:time level:enum message:string location:string
smtp SMTP::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port trans_depth:count
  helo:string mailfrom:string rcptto:set[string] date:string from:string to:set[string] cc:set[string]
  reply_to:string msg_id:string in_reply_to:string subject:string x_originating_ip:addr
  first_received:string second_received:string last_reply:string path:vector[addr] user_agent:string
  tls:bool fuids:vector[string]
snmp SNMP::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port duration:interval
  version:string community:string get_requests:count get_bulk_requests:count get_responses:count
  set_requests:count display_string:string up_since:time
software Software::LOG
  ts:time host:addr host_p:port software_type:enum name:string version.major:count version.minor:count
  version.minor2:count version.minor3:count version.addl:string unparsed_version:string url:string
ssh SSH::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port version:count
  auth_success:bool auth_attempts:count direction:enum client:string server:string cipher_alg:string
  mac_alg:string compression_alg:string kex_alg:string host_key_alg:string host_key_fingerprint:string
ssl SSL::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port version:string
  cipher:string curve:string server_name:string resumed:bool last_alert:string next_protocol:string
  established:bool ssl_history:string cert_chain_fps:vector[string] client_cert_chain_fps:vector[string]
  sni_matches_cert:bool validation_status:string
stats Stats::LOG
  ts:time peer:string mem:count pkts_proc:count bytes_recv:count pkts_dropped:count pkts_link:count
  pkt_lag:interval pkts_filtered:count events_proc:count events_queued:count active_tcp_conns:count
  active_udp_conns:count active_icmp_conns:count tcp_conns:count udp_conns:count icmp_conns:count
  timers:count active_timers:count files:count active_files:count dns_requests:count
  active_dns_requests:count reassem_tcp_size:count reassem_file_size:count reassem_frag_size:count
  reassem_unknown_size:count
weird Weird::LOG
  ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port name:string addl:string
  notice:bool peer:string source:string
x509 X509::LOG
  ts:time fingerprint:string certificate.version:count certificate.serial:string
  certificate.subject:string certificate.issuer:string certificate.not_valid_before:time
  certificate.not_valid_after:time certificate.key_alg:string certificate.sig_alg:string
  certificate.key_type:string certificate.key_length:count certificate.exponent:string
  certificate.curve:string san.dns:vector[string] san.uri:vector[string] san.email:vector[string]
  san.ip:vector[addr] basic_constraints.ca:bool basic_constraints.path_len:count host_cert:bool
  client_cert:bool
`;

export interface StandardLog {
  readonly stream: string;
  readonly fields: ReadonlyMap<string, FieldType>;
}

/** By path. */
export const STANDARD_LOGS: ReadonlyMap<string, StandardLog> = readLogs(LOGS);

/** By the field's name, the types of fields that are in several of these logs and the same in all: `uid`. */
export const FIELD_TYPES: ReadonlyMap<string, FieldType> = commonTypes();

function readLogs(text: string): Map<string, StandardLog> {
  const logs = new Map<string, StandardLog>();
  for (const log of text.trim().split(/\n(?=\S)/)) {
    const [path = '', stream = '', ...fields] = log.split(/\s+/);
    logs.set(path, { stream, fields: new Map(fields.map(readField)) });
  }
  return logs;
}

function readField(text: string): [string, FieldType] {
  const [name = '', typeName = ''] = text.split(':');
  const type = parseFieldType(typeName);
  if (!type) throw new Error(`the type of field ${name} is "${typeName}"`);
  return [name, type];
}

function commonTypes(): Map<string, FieldType> {
  const types = new Map<string, FieldType[]>();
  for (const { fields } of STANDARD_LOGS.values()) {
    for (const [name, type] of fields) types.set(name, [...(types.get(name) ?? []), type]);
  }
  const common = new Map<string, FieldType>();
  for (const [name, [first, ...others]] of types) {
    const isSame = others.every(({ type, subtype }) => type === first?.type && subtype === first.subtype);
    if (first && others.length > 0 && isSame) common.set(name, first);
  }
  // Added to each record by json-streaming-logs: when it was written.
  common.set('_write_ts', { type: 'time', subtype: 'void' });
  return common;
}
