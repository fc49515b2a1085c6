page 50117 "BH API Item Journal Batches"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'itemJournalBatch';
    EntitySetName = 'itemJournalBatches';
    SourceTable = "Item Journal Batch";
    ODataKeyFields = SystemId;
    Extensible = false;
    DelayedInsert = true;
    ModifyAllowed = false;
    DeleteAllowed = false;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { Editable = false; }
                field(journalTemplateName; Rec."Journal Template Name") { }
                field(name; Rec.Name) { }
                field(description; Rec.Description) { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { Editable = false; }
                part(itemJournalLines; "BH API Item Journal Lines")
                {
                    EntityName = 'itemJournalLine';
                    EntitySetName = 'itemJournalLines';
                    SubPageLink = "Journal Template Name" = field("Journal Template Name"), "Journal Batch Name" = field(Name);
                }
            }
        }
    }

    [ServiceEnabled]
    procedure post(var ActionContext: WebServiceActionContext)
    var
        ItemJournalLine: Record "Item Journal Line";
        ItemLedgerEntry: Record "Item Ledger Entry";
    begin
        ItemJournalLine.SetRange("Journal Template Name", Rec."Journal Template Name");
        ItemJournalLine.SetRange("Journal Batch Name", Rec.Name);
        ItemJournalLine.FindSet();
        repeat
            ItemLedgerEntry.SetRange("Document No.", ItemJournalLine."Document No.");
            if not ItemLedgerEntry.IsEmpty() then
                Error(PostedAlreadyErr, ItemJournalLine."Document No.");
        until ItemJournalLine.Next() = 0;
        ItemJournalLine.FindFirst();
        Codeunit.Run(Codeunit::"Item Jnl.-Post Batch", ItemJournalLine);
        ActionContext.SetObjectType(ObjectType::Page);
        ActionContext.SetObjectId(Page::"BH API Item Journal Batches");
        ActionContext.AddEntityKey(Rec.FieldNo(SystemId), Rec.SystemId);
        ActionContext.SetResultCode(WebServiceActionResultCode::Updated);
    end;

    var
        PostedAlreadyErr: Label 'The document %1 has been posted already.', Comment = '%1 = document number';
}
