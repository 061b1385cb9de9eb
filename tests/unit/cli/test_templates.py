"""Templates: expected texts are what docker 28.2 shows for the same template and data."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wharf.cli.errors import Exit
from wharf.cli.render.listing import Listing
from wharf.cli.template.objects import Template
from wharf.gotemplate.lexer import BadTemplate

WEB: dict[str, Any] = {
    "Id": "02b6",
    "Name": "/web",
    "State": {"Running": True, "Pid": 42, "ExitCode": 0},
    "Config": {"Labels": {"a": "b", "com.x": "y"}, "Cmd": ["sleep", "1000"], "Env": None, "Volumes": None},
    "HostConfig": {"Memory": 0, "CpuShares": 512, "OomKillDisable": None, "Binds": None},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "::", "HostPort": "8080"}], "53/udp": None}},
    "Text": "<&>",
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.Id}} {{ .Name }}", "02b6 /web"),
        ("{{.ID}}", "02b6"),
        ("{{.State.Running}}/{{.State.Pid}}", "true/42"),
        ("{{.Config.Cmd}} {{.Config.Env}} {{.Config.Volumes}}", "[sleep 1000] [] map[]"),
        ("{{.HostConfig.OomKillDisable}} {{.HostConfig.Init}}", "<nil> <nil>"),
        ("{{.Config.Labels}}", "map[a:b com.x:y]"),
        ("{{.Config.Labels.zz}}", "<no value>"),
        ('{{index .Config.Labels "com.x"}}|{{index .Config.Labels "zz"}}', "y|"),
        ("{{index .Config.Cmd 1}}", "1000"),
        ("{{json .State}}", '{"Running":true,"Pid":42,"ExitCode":0}'),
        ("{{json .Config.Env}} {{json .Text}}", 'null "<&>"'),
        ("{{.Config.Cmd | json}}", '["sleep","1000"]'),
        ('{{join .Config.Cmd ","}} {{.Name | upper}} {{title "a b"}} {{lower "X"}}', "sleep,1000 /WEB A B x"),
        ('{{split "a:b" ":"}} {{len .Name}} {{len .Config.Cmd}}', "[a b] 4 2"),
        ('{{printf "%s-%05d|%-4s|%q|%v" .Name 7 "a" "b" .State.Running}}', '/web-00007|a   |"b"|true'),
        ('{{print 1 2 "a" "b" 3}}', "1 2ab3"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .HostConfig.Memory}}m{{else if .State.Pid}}p{{else}}n{{end}}", "p"),
        ("{{with .Config.Labels}}{{.a}}{{end}}{{with .Config.Env}}x{{else}}none{{end}}", "bnone"),
        ("{{range .Config.Cmd}}<{{.}}>{{end}}", "<sleep><1000>"),
        ("{{range $i, $c := .Config.Cmd}}{{$i}}={{$c}};{{end}}", "0=sleep;1=1000;"),
        ("{{range $p, $b := .NetworkSettings.Ports}}{{$p}} {{end}}", "53/udp 80/tcp "),
        ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"),
        ("{{range .Config.Env}}x{{else}}empty{{end}}", "empty"),
        ("{{range .Config.Cmd}}{{if eq . \"1000\"}}{{break}}{{end}}{{.}}{{end}}", "sleep"),
        ("{{range .Config.Cmd}}{{if eq . \"sleep\"}}{{continue}}{{end}}{{.}}{{end}}", "1000"),
        ("{{$x := 1}}{{range .Config.Cmd}}{{$x = .}}{{end}}{{$x}}", "1000"),
        ("{{$.Name}}{{with .State}}{{$.Id}}{{end}}", "/web02b6"),
        ('{{eq 1 1}} {{eq .Name "a" "/web"}} {{ne 1 2}}', "true true true"),
        ("{{lt 1 2}} {{ge 2 2}} {{not true}}", "true true false"),
        ("{{and 1 0}} {{or 0 \"x\"}} {{and 0 .Nope}} {{or 1 .Nope}}", "0 x 0 1"),
        ("a {{- 1 -}} b {{/* no */}}c {{- /* no */ -}} d", "a1b cd"),
        ("{{\"a\\tb\"}}{{`c\\t`}}{{'x'}}", "a\tbc\\t120"),
        ("{{truncate .Id 2}} {{pad \"x\" 1 2}}|", "02  x  |"),
        ("{{println .Name 1}}", "/web 1\n"),
        ("{{html .Text}} {{urlquery \"a b\"}}", "&lt;&amp;&gt; a+b"),
        ("{{slice .Id 1 3}}", "2b"),
    ],
)  # fmt: skip
def test_templates(template: str, text: str) -> None:
    assert Template(template).render(WEB) == text


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{.Foo", "template: :1: unclosed action"),
        ("{{foo}}", 'template: :1: function "foo" not defined'),
        ("{{if .A}}", "template: :1: unexpected EOF"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{$x}}", 'template: :1: undefined variable "$x"'),
        ("{{}}", "template: :1: missing value for command"),
        ('{{"a}}', "template: :1: unterminated quoted string"),
    ],
)
def test_templates_that_cannot_be_parsed(template: str, reason: str) -> None:
    with pytest.raises(Exit) as caught:
        Template(template)
    assert (caught.value.code, str(caught.value)) == (64, f"template parsing error: {reason}")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{.Foo}}", ':1:2: executing "" at <.Foo>: map has no entry for key "Foo"'),
        ("a\n{{ .State.Foo}}", ':2:9: executing "" at <.State.Foo>: map has no entry for key "Foo"'),
        ("{{.Config.Labels.zz.b}}", 'at <.Config.Labels.zz.b>: map has no entry for key "zz"'),
        ("{{index .Config.Cmd 5}}", "at <index .Config.Cmd 5>: error calling index: "),
        ('{{eq 1 "a"}}', "incompatible types for comparison"),
    ],
)
def test_templates_that_do_not_fit(template: str, reason: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        Template(template).render(WEB)
    assert reason in str(caught.value)


@given(st.text())
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        Template(text).render(WEB)
    except (Exit, BadTemplate):
        pass  # refused, with a reason


WORDS = """
. .A .B.C $ $x := = if else end range with and or not eq lt index len printf json join split upper truncate pad slice
( ) | "a" `b` 'c' 1 -2 3.5 true nil , break continue print println title html urlquery js "%d" "%q" }} {{ {{- -}}
"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=8))
@settings(max_examples=500)
def test_any_words_of_the_language_are_a_template_or_are_refused(words: list[str]) -> None:
    data = {"A": [1, 2, {"x": None}], "B": {"C": "c", "D": None}}
    try:
        Template("{{" + " ".join(words) + "}}").render(data)
    except (Exit, BadTemplate):
        pass  # refused, with a reason


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_stays_as_it_is(text: str) -> None:
    assert Template(text).render({}) == text


LISTING = Listing(
    "*formatter.thing",
    {"ID": ("THING ID", lambda row: row["id"]), "Name": ("NAME", lambda row: row["name"])},
    ("ID", "Name"),
    {"Label": lambda row, name="": row["labels"].get(name, "")},
)
ROWS = [{"id": "1", "name": "<a>", "labels": {"x": "y"}}, {"id": "2", "name": "bb", "labels": {}}]


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("", "THING ID   NAME\n1          <a>\n2          bb\n"),
        ("table", "THING ID   NAME\n1          <a>\n2          bb\n"),
        ("{{.ID}}\\t{{.Name}}", "1\t<a>\n2\tbb\n"),
        ("json", '{"ID":"1","Name":"\\u003ca\\u003e"}\n{"ID":"2","Name":"bb"}\n'),
        ("{{json .}}", '{"ID":"1","Name":"\\u003ca\\u003e"}\n{"ID":"2","Name":"bb"}\n'),
        ("table {{upper .Name}}\\t{{.ID}}", "NAME      THING ID\n<A>       1\nBB        2\n"),
        ('table {{.ID}}\\t{{.Label "com.some-x"}}', "THING ID   some x\n1          \n2          \n"),
        ('{{.Label "x"}}', "y\n\n"),
    ],
)
def test_lists(format: str, text: str) -> None:
    assert LISTING.show(ROWS, format) == text


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(BadTemplate, match=r"can't evaluate field Foo in type \*formatter.thing"):
        LISTING.show(ROWS, "{{.Foo}}")
