/**
 * The grammar of the filter language, for Peggy. It knows nothing of fields and types: what a name means, and whether
 * a value fits it, is the checker's to say (check.ts). docs/query-language.md describes the language for people.
 */
export const GRAMMAR = String.raw`
{
  const at = () => { const { start, end } = range(); return { from: start, to: end }; };
  const literal = (type) => ({ kind: 'literal', type, text: text(), at: at() });
  const joined = (kind, head, tail) =>
    tail.length === 0 ? head : { kind, parts: [head, ...tail], at: at() };
}

Start = _ @Or _

Or = head:And tail:(_ OrSign _ @And)* { return joined('or', head, tail); }
And = head:Not tail:(_ AndSign _ @Not)* { return joined('and', head, tail); }
Not
  = NotSign _ part:Not { return { kind: 'not', part, at: at() }; }
  / "(" _ @Or _ ")"
  / Test

OrSign "||" = "||" / "or"i End
AndSign "&&" = "&&" / "and"i End
NotSign "!" = "!" ![=~] / "not"i End

Test
  = left:Term _ sign:Sign _ right:Term { return { kind: 'test', left, sign, right, at: at() }; }
  / left:Term _ sign:(InSign / HasSign) _ right:(Term / List) { return { kind: 'test', left, sign, right, at: at() }; }
  / Term

Sign "a comparison"
  = "=="
  / "!=" / "<=" / ">=" / "<" / ">" / "!~" / "~"

HasSign "has" = "has"i End { return 'has'; }
InSign "in"
  = "in"i End { return 'in'; }
  / ("!" _ / "not"i End _) "in"i End { return '!in'; }

List = [{[] _ items:(head:Item tail:(_ "," _ @Item)* _ ","? { return [head, ...tail]; })? _ [}\]]
  { return { kind: 'list', items: items ?? [], at: at() }; }

Item = Value / Word
Word "a label" = [A-Za-z_] [A-Za-z0-9_]* End { return literal('label'); }

Term = Size / Any / Value / Field
Size = "|" _ field:Field _ "|" { return { kind: 'size', field, at: at() }; }
Any = "any"i End _ type:$[a-z]+ { return { kind: 'any', type, at: at() }; }

Value "a value"
  = Text / Pattern / Time / Now / Address / Port / Quantity / Label / Constant

Text = '"' ([^"\\] / "\\" .)* '"' { return literal('text'); }
Pattern = "/" ([^/\\\n] / "\\" .)+ "/" "i"? { return literal('pattern'); }
Time = [0-9]|4| "-" [0-9]|2| "-" [0-9]|2| (("T"i / " ") [0-9]|2| ":" [0-9]|2| (":" [0-9]|2| ("." [0-9]+)?)? ("Z"i / [+-] [0-9]|2| ":"? [0-9]|2|)?)? End
  { return literal('time'); }
Now = "now"i End ([ \t]* [+-] [ \t]* Number [ \t]* Unit End)? { return literal('now'); }
Address
  = "[" host:$[0-9a-fA-F:.]+ "]" &{ return host.includes(":"); } ("/" [0-9]+)? { return literal(text().includes('/') ? 'subnet' : 'address'); }
  / host:$([0-9a-fA-F]* ":" [0-9a-fA-F:.]+) &{ return host.indexOf(":") !== host.lastIndexOf(":"); } ("/" [0-9]+)? End { return literal(text().includes('/') ? 'subnet' : 'address'); }
  / [0-9]+ "." [0-9]+ "." [0-9]+ "." [0-9]+ "/" [0-9]+ End { return literal('subnet'); }
  / [0-9]+ "." [0-9]+ "." [0-9]+ "." [0-9]+ End { return literal('address'); }
Port = [0-9]+ "/" ("tcp" / "udp" / "icmp" / "unknown") End { return literal('port'); }
Quantity
  = [+-]? Number [ \t]* unit:Unit End { return { ...literal('quantity'), unit }; }
  / [+-]? Number End { return literal('number'); }
Number = [0-9]+ ("." [0-9]*)? ([eE] [+-]? [0-9]+)? / "." [0-9]+ ([eE] [+-]? [0-9]+)?
Unit
  = $(("usec" / "msec" / "sec" / "min" / "hr" / "hour" / "day" / "week") "s"?)
  / $([kKMGT] "i"? "B" / "B" / "us" / "ms" / "s" / "m" / "h" / "d" / "w")
Label = [A-Za-z_] [A-Za-z0-9_]* ("::" [A-Za-z_] [A-Za-z0-9_]*)+ { return literal('label'); }
Constant
  = ("T" / "F" / "true" / "false") End { return literal('bool'); }
  / ("unset" / "null") End { return literal('unset'); }

Field "a field"
  = ${'"`"'} name:$[^${'`'}]+ ${'"`"'} { return { kind: 'field', name, at: at() }; }
  / !(Reserved End) name:$([A-Za-z_] [A-Za-z0-9_]* ([.$:] [A-Za-z0-9_]+)*) !(_ "(") { return { kind: 'field', name: name.replaceAll('$', '.'), at: at() }; }
Reserved = "and"i / "or"i / "not"i / "in"i / "has"i / "any"i

End = ![A-Za-z0-9_.$:]
_ "white space" = [ \t\r\n]*
`;
