-- Named queries of session facts.

-- name: segment_add
insert into livery.session_segment (workspace_id, sha256, entity, rows, content, batch_id)
values ($1, $2, $3, $4, $5, $6) on conflict (workspace_id, sha256) do nothing returning seq

-- name: segment_list
select seq, entity, sha256, rows, octet_length(content) as size
  from livery.session_segment where workspace_id = $1 order by seq

-- name: segment_contents
select sha256, content from livery.session_segment where workspace_id = $1 and sha256 = any ($2::text[])

-- name: cursor_set
insert into livery.session_file as f
    (workspace_id, file, label, format, byte_offset, line_number, skipping, proof, state)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
on conflict (workspace_id, file) do update
   set label = excluded.label, format = excluded.format, byte_offset = excluded.byte_offset,
       line_number = excluded.line_number, skipping = excluded.skipping, proof = excluded.proof,
       state = excluded.state, updated_at = clock_timestamp()
 where (f.label, f.format, f.byte_offset, f.line_number, f.skipping, f.proof, f.state) is distinct from
       (excluded.label, excluded.format, excluded.byte_offset, excluded.line_number, excluded.skipping,
        excluded.proof, excluded.state)
returning file

-- name: cursor_list
select file, label, format, byte_offset, line_number, skipping, proof, state::text as state
  from livery.session_file where workspace_id = $1 and file > $2 order by file limit $3
