-- The base views: which observation of a fact counts. DuckDB's dialect, which Ibis transpiles.
-- Input: the raw tables of livery.manifest.session_facts, each with `seq`, the order in which its
-- segment was journaled. Output: session_base, message_base, tool_base, file_base, usage_base,
-- bad_line_base. Statements are separated by lines that begin with "-- view: ".

-- view: session_state
-- The latest state of each session; its files may be several.
select session, parent, source, project, last_at, "end", open_error
from raw_sessions
qualify row_number() over (
    partition by session order by last_at desc, seq desc, file, "offset" desc
) = 1

-- view: repeated_message
-- Most facts are observed once; the costly choice is made only among those that are not.
select role, key from raw_messages group by role, key having count(*) > 1

-- view: message_winner
-- A message is one key. The last line wins; among sessions that hold copies of it (a resumed
-- session copies what it continues), it belongs to the one that ended first.
select
    role, key, first_at, session, answer, "at", model, input, output, cache_read,
    cache_creation, cache_creation_1h
from raw_messages m
where not exists (select 1 from repeated_message r where r.role = m.role and r.key = m.key)
union all by name
select
    m.role,
    m.key,
    min(m.first_at) as first_at,
    arg_min(m.session, row(coalesce(s.last_at, m."at"), m.session)) as session,
    unnest(arg_max(
        struct_pack(
            answer := m.answer, "at" := m."at", model := m.model, input := m.input,
            output := m.output, cache_read := m.cache_read, cache_creation := m.cache_creation,
            cache_creation_1h := m.cache_creation_1h
        ),
        row(m."at", m.seq, m.file, m."offset")
    ))
from raw_messages m
join repeated_message r on r.role = m.role and r.key = m.key
left join session_state s on s.session = m.session
group by m.role, m.key

-- view: message_base
select
    w.role, w.key, w.answer, w.first_at, w.at, w.model, w.input, w.output, w.cache_read,
    w.cache_creation, w.cache_creation_1h, w.session,
    -- Codex logs no usage with its answers, but running totals of the session; a local answer,
    -- which no model wrote, used nothing.
    w.input is not null or w.model is null
        or w.session in (select session from raw_token_totals) as has_usage,
    coalesce(s.parent, w.session) as main_session,
    case when s.parent is null then 'main' else 'sub-agent' end as kind,
    s.source, s.project
from message_winner w
left join session_state s on s.session = w.session

-- view: session_base
-- A session begins with its first own message; one that holds only copies is none.
-- Rule outcome.v1: see views.yml, dimension sessions.outcome.
select
    s.session,
    coalesce(s.parent, s.session) as main_session,
    case when s.parent is null then 'main' else 'sub-agent' end as kind,
    s.source, s.project, m.at, s.last_at,
    epoch_us(greatest(s.last_at, m.at)) - epoch_us(m.at) as duration_us,
    case
        when s."end" in ('api_error', 'tool_error') then 'failed'
        when s."end" = 'tool_ok' or (s."end" = 'answer' and not s.open_error) then 'success'
        else 'unknown'
    end as outcome
from session_state s
join (select session, min(first_at) as "at" from message_winner group by session) m
    on m.session = s.session

-- view: repeated_call
select call_id from raw_tool_calls group by call_id having count(*) > 1

-- view: repeated_result
select call_id from raw_tool_results group by call_id having count(*) > 1

-- view: tool_base
-- A call meets its result by id, whatever lies between; a result without its call still counts.
with calls as (
    select call_id, "at", tool, session
    from raw_tool_calls c
    where not exists (select 1 from repeated_call m where m.call_id = c.call_id)
    union all by name
    select
        c.call_id, min(c."at") as "at",
        arg_min(c.tool, row(c."at", c.seq, c.file, c."offset")) as tool,
        arg_min(c.session, row(coalesce(s.last_at, c."at"), c.session)) as session
    from raw_tool_calls c
    join repeated_call m on m.call_id = c.call_id
    left join session_state s on s.session = c.session
    group by c.call_id
), results as (
    select call_id, "at", is_error, error, session
    from raw_tool_results r
    where not exists (select 1 from repeated_result m where m.call_id = r.call_id)
    union all by name
    select
        r.call_id, min(r."at") as "at",
        arg_max(r.is_error, row(r."at", r.seq, r.file, r."offset")) as is_error,
        arg_max(r.error, row(r."at", r.seq, r.file, r."offset")) as error,
        arg_min(r.session, row(coalesce(s.last_at, r."at"), r.session)) as session
    from raw_tool_results r
    join repeated_result m on m.call_id = r.call_id
    left join session_state s on s.session = r.session
    group by r.call_id
)
select
    coalesce(c.call_id, r.call_id) as call_id,
    c.call_id is not null as called,
    coalesce(c.tool, 'unknown') as tool,
    coalesce(c.at, r.at) as "at",
    case when r.call_id is null then 'unanswered' when r.is_error then 'error' else 'ok' end
        as result,
    case when r.is_error then coalesce(r.error, 'error without a text') end as error,
    coalesce(c.session, r.session) as session,
    coalesce(s.parent, s.session) as main_session,
    case when s.parent is null then 'main' else 'sub-agent' end as kind,
    s.source, s.project
from calls c
full join results r on r.call_id = c.call_id
left join session_state s on s.session = coalesce(c.session, r.session)

-- view: file_base
select
    e.call_id, e.path, e.at, e.tool, e.lines_added, e.lines_removed, e.session,
    coalesce(s.parent, e.session) as main_session,
    case when s.parent is null then 'main' else 'sub-agent' end as kind,
    s.source, s.project
from (
    select
        e.call_id, e.path, min(e.at) as "at", min(e.tool) as tool,
        arg_max(e.lines_added, row(e.seq, e."offset")) as lines_added,
        arg_max(e.lines_removed, row(e.seq, e."offset")) as lines_removed,
        arg_min(e.session, row(coalesce(s.last_at, e.at), e.session)) as session
    from raw_file_edits e left join session_state s on s.session = e.session
    group by e.call_id, e.path
) e
left join session_state s on s.session = e.session

-- view: token_step
-- Running totals become steps: each step is what the last total of the session leaves standing
-- (the least of all later totals), so that the steps add up to the last total exactly and none is
-- negative. A fork's inherited steps count in the session they were copied from.
with ordered as (
    select *
    from raw_token_totals
    qualify row_number() over (partition by session, "offset", "at" order by seq desc) = 1
), left_standing as (
    select
        session, "offset", seq, "at", model, inherited,
        min(input_total) over later as input_total,
        min(cached_total) over later as cached_total,
        min(cache_write_total) over later as cache_write_total,
        min(output_total) over later as output_total
    from ordered
    window later as (
        partition by session order by "at", "offset", seq
        rows between current row and unbounded following
    )
)
select
    session, "at", model, inherited,
    input_total - coalesce(lag(input_total) over steps, 0) as input_step,
    cached_total - coalesce(lag(cached_total) over steps, 0) as cached_step,
    cache_write_total - coalesce(lag(cache_write_total) over steps, 0) as cache_write_step,
    output_total - coalesce(lag(output_total) over steps, 0) as output_step
from left_standing
window steps as (partition by session order by "at", "offset", seq)

-- view: usage_base
-- What was used, when, by which model, and what it cost at the price of that day.
-- Costs are whole pico-dollars (1e-12 USD): sums are exact in any order.
with used as (
    select
        session, "at", model, input, output, cache_read, cache_creation, cache_creation_1h
    from message_winner
    where input is not null
    union all
    select
        session, "at", model, greatest(input_step - cached_step - cache_write_step, 0), output_step,
        cached_step, cache_write_step, 0
    from token_step
    where not inherited and input_step + output_step > 0
), named as (
    select
        u.*,
        regexp_replace(regexp_replace(regexp_replace(lower(u.model), '^.*[/.](claude-|gpt-)', '\1'),
            '\[1m\]$', ''), '([-@][0-9]{8}|-[0-9]{4}-[0-9]{2}-[0-9]{2}|-latest)?(-v[0-9]+(:[0-9]+)?)?$',
            '') as price_name
    from used u
)
select
    n.session,
    coalesce(s.parent, n.session) as main_session,
    case when s.parent is null then 'main' else 'sub-agent' end as kind,
    s.source, s.project, n.at, coalesce(n.model, 'unknown') as model,
    n.input, n.output, n.cache_read, n.cache_creation, n.cache_creation_1h,
    p.model is not null as priced,
    n.input * p.input + n.output * p.output + n.cache_read * p.cache_read
        + (n.cache_creation - n.cache_creation_1h) * p.cache_write
        + n.cache_creation_1h * p.cache_write_1h as cost_pico
from named n
left join prices p
    on p.model = n.price_name
    and (p.valid_from is null or n.at >= p.valid_from)
    and (p.valid_to is null or n.at < p.valid_to)
    and (n.input + n.cache_read + n.cache_creation > p.above) = p.is_above
left join session_state s on s.session = n.session

-- view: bad_line_base
select file, line, label, reason,
    -- A reader that has named very many of one file says how many more there are, as one line.
    coalesce(try_cast(regexp_extract(reason, '^([0-9]+) more bad lines$', 1) as bigint), 1) as lines,
    row_number() over (partition by file order by line, reason) as nth
from raw_bad_lines group by file, line, label, reason
